"""`landcover train`."""


def command() -> None:
    """Not there yet."""
