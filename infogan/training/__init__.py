"""The training engine: trainer, optimisers, schedules, seeds, sessions."""
