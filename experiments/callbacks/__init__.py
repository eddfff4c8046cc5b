"""Callbacks of a sweep: TensorBoard, MLflow, Weights & Biases, and those of plug-ins."""
