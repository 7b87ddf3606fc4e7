"""Scores of generated images against real ones: FID, KID, precision, recall, density, coverage."""
