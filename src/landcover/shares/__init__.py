"""Shares: decode probabilities into them, read and write them, score them, calibrate them."""
