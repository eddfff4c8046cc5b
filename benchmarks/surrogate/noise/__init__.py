"""Models of training noise for surrogate benchmarks."""
