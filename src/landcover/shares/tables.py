"""Tables of shares, which belong to a chips folder too: see `chips.tables`."""

from landcover.chips.tables import TOLERANCE, read_shares, write_shares

__all__ = ["TOLERANCE", "read_shares", "write_shares"]
