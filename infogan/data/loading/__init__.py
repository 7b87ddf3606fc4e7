"""The order in which training reads images, and the batches themselves."""
