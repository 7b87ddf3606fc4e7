"""The parts of a trainer: device, seeds, batches, losses, optimisers, schedules, averages, CUDA graph."""
