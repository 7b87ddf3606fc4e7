"""Data sets that are rendered here, with known factors."""
