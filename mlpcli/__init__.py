"""mlp: train, evaluate and verify multilayer perceptrons from YAML specs."""

__version__ = "0.1.0"
