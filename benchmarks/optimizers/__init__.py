"""Tradewind beside other optimizers of models, on the same models, data and machine."""
