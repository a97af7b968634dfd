"""Territories: hectares and shares of each class in each, with intervals."""
