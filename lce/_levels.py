"""What extrapolators' predictions have in common: the levels of their quantiles, and the largest std."""

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The bounds of the central 90 % and 50 % intervals, and the median."""

MAX_STD = 0.5
"""The largest standard deviation that a quantity in [0, 1] can have."""
