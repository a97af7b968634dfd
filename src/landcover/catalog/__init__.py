"""Scenes from catalogues: search, read over the network, mask clouds, composite."""
