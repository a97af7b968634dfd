"""`landcover predict`."""


def command() -> None:
    """Not there yet."""
