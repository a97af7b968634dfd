"""Pixels in and out: open any image safely, bands by name, windows; write maps."""
