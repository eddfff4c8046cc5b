"""Presets of whole comparisons, see `nascurve.experiments.experiment_presets`."""
