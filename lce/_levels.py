"""The quantile levels that extrapolators give with each prediction."""

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The bounds of the central 90 % and 50 % intervals, and the median."""
