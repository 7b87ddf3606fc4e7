"""Scores, without labels, of how well a continuous code controls one thing in G's images."""
