"""NAS-Bench-301: the DARTS space, its training runs and its surrogates."""
