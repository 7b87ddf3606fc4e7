"""Encodes any number of images, in parts that can be resumed."""
