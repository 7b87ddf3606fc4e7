"""Readers of image and array file formats, safe for files from untrusted sources."""
