"""Which run of a sweep to take, without labels."""
