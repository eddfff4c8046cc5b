"""NAS-Bench-201 and NATS-Bench: the trainings of cells and of layer widths, from the authors' files."""
