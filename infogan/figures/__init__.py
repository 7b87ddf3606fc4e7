"""Figures of the paper, and traversals."""
