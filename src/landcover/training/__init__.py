"""Training: the recipe, the data, augmentation, the loop, the export of the model file."""
