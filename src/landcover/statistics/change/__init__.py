"""Change between two maps, and series of many."""
