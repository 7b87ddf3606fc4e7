"""In which order images are read, and in which batches."""
