"""Random numbers: a stream of its own for each purpose of a seed, and no global state."""

import hashlib

import torch


def make_rng(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends on seed and purpose alone, so that streams never run into each other."""
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
