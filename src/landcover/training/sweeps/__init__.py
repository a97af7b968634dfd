"""Sweeps: many trainings of one recipe, their space, their trials and what they found."""
