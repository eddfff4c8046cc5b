"""NAS-Bench-x11: the released surrogates of learning curves, read from their checkpoints without running
them."""
