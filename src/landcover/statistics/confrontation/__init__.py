"""Confrontation of a class of a map with a reference layer."""
