"""Networks, one a file: bands in, a score for each class of each pixel out."""
