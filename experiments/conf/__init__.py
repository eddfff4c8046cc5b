"""Hydra's primary configurations (`run.yaml`, `compare.yaml`). The options of optimizers, extrapolators and
benchmarks are not repeated here: their config groups are made from the constructors' signatures."""
