"""Search spaces, benchmarks that answer with learning curves, and the collector that trains them."""
