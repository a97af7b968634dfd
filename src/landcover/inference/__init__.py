"""From a model file and images to maps and shares. No PyTorch."""
