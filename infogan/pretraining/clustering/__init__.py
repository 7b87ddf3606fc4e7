"""Clusters real images by what is invariant to small transforms."""
