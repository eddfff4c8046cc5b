"""Puts all parts together: the `nascurve` command, comparisons over seeds, statistics, tables and figures."""
