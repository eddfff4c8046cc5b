"""Time and memory against size: `python -m benchmarks_perf.growth`, see docs/growth.md."""
