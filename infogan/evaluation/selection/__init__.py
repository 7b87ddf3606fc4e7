"""Ranking the runs of a sweep without labels."""
