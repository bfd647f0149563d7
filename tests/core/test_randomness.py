"""`seeded` gives the same draws and leaves the global state as it was."""

import random
import re
from pathlib import Path

import numpy as np
import torch

from nag.core.randomness import seeded


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_same_seed_same_draws_and_the_state_is_the_callers():
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = draws(), draws()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    first = draws()
    with seeded(7):
        inside = draws()
    second = draws()
    with seeded(7):
        assert draws() == inside
    assert (first, second) == expected


def test_no_module_seeds_the_global_state():
    """All that draws from it does so within `seeded`, which restores it."""
    seeding = re.compile(r"(?<!default_generator)\b(?:torch|np\.random|numpy\.random|random)\.(?:manual_seed|seed)\(")
    root = Path(__file__).parents[2] / "nag"
    found = [str(path) for path in sorted(root.rglob("*.py")) if seeding.search(path.read_text(encoding="utf-8"))]
    assert found == [str(root / "core" / "randomness.py")]
