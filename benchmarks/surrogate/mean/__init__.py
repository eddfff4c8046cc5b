"""Predicted mean curves: compression, regression models, and the ensemble of them."""
