"""A run on disk: its folder, checkpoints, weights and inversion."""
