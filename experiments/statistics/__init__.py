"""Statistics of studies: what can be said about methods from runs over seeds and tasks."""
