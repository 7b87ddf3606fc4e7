"""Random numbers: an independent stream for each seed and purpose, and no global state."""

import hashlib

import torch


def make_rng(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends only on the seed and the purpose, so that streams never overlap."""
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
