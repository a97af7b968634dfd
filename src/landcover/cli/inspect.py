"""`landcover inspect`."""


def command() -> None:
    """Not there yet."""
