"""`seeded` gives the same draws and leaves the global state as it was."""

import random

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
