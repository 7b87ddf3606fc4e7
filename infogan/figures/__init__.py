"""The figures of the paper, and traversals, for a trained run."""
