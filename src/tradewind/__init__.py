"""Run a trained model as cheaply as its owner's promise allows, with the evidence."""

__version__ = "0.1.0"
