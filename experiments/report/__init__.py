"""The report: one HTML file with all figures and tables of a study, to be read, zoomed and replayed."""
