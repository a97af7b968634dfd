"""Areas and accuracies with confidence intervals, from a labelled sample."""
