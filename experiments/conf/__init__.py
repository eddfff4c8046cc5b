"""Hydra's primary configurations (`run.yaml`, and `compare/compare.yaml`). The options of optimizers,
extrapolators and benchmarks are not repeated here: their groups come from the constructors' signatures."""
