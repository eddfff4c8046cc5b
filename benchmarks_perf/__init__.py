"""Performance of nascurve, measured against peers side by side: `python -m benchmarks_perf`.

Not part of the package. See docs/performance.md.
"""
