"""Presets of learning-curve extrapolation, see `nascurve.experiments.presets`."""
