"""Architectures as rows of numbers for the surrogates: equal for isomorphic ones."""

from nascurve.benchmarks.surrogate.features.featurizer import Featurizer, featurizer

__all__ = ["Featurizer", "featurizer"]
