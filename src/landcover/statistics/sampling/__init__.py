"""Sampling: points to label for areas and accuracy, chips to label for training."""
