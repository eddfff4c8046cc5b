"""Learning-curve extrapolation: the wrapper of Algorithm 2 (`wrapper`) and the extrapolators."""
