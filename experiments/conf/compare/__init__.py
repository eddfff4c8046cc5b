"""The primary configuration of `compare`, apart from that of `run`: there lce= is a group, here a list."""
