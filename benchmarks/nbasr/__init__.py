"""NAS-Bench-ASR: convolutional models of speech, from the authors' files."""
