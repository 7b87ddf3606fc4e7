"""Data sets with known factors, rendered by this package."""
