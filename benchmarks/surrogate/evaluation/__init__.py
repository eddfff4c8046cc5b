"""How good a surrogate is: on held-out architectures, against tables of seeds, and in searches."""
