"""NAS-Bench-NLP: recurrent cells and their trainings as language models."""
