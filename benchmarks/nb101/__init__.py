"""NAS-Bench-101: search space, reader of the official files, benchmark."""
