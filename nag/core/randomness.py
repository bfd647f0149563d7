"""Sources of randomness; the global random state stays the caller's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["python_random", "seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within the block, the global generators of Python, numpy and torch start from a seed; afterwards they are as before.

    For code that draws from global state alone, such as the initial weights of `torch.nn` modules. Everything else takes an
    explicit generator.

    Args:
        seed: Seed of all three generators.

    Example:
        >>> import torch
        >>> with seeded(0):
        ...     first = torch.rand(1)
        >>> with seeded(0):
        ...     second = torch.rand(1)
        >>> bool(first == second)
        True
    """
    python, array = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.random.default_generator.manual_seed(seed)
            if devices:  # torch.manual_seed would also seed devices that are made ready later
                torch.cuda.manual_seed_all(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)


def python_random(rng: torch.Generator) -> random.Random:
    """A fast source of single random numbers, seeded by a generator."""
    return random.Random(int(torch.randint(1 << 62, (1,), generator=rng)))
