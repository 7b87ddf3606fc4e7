"""Images in tar shards, as WebDataset stores them: read, indexed and written."""
