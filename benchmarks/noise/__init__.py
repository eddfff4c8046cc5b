"""Noise and landscape of a benchmark, in numbers."""
