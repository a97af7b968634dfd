"""`landcover cut`."""


def command() -> None:
    """Not there yet."""
