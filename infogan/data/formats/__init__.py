"""Readers of the file formats that people have."""
