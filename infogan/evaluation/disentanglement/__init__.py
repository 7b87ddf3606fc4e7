"""Scores of codes against known factors."""
