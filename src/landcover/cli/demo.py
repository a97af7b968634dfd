"""`landcover demo`."""


def command() -> None:
    """Not there yet."""
