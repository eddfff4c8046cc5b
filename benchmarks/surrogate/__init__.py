"""Surrogate benchmarks: from learning curves of some architectures to a benchmark for all of a space."""
