"""`landcover evaluate`."""


def command() -> None:
    """Not there yet."""
