"""Accuracy: confusion and accuracy per class, calibration error, evaluation of maps and CSVs."""
