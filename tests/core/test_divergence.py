"""A training that diverges is noticed, with the step and a lower learning rate."""

import math

import pytest
import torch

from nag.core.divergence import LossWatch, all_finite
from nag.core.errors import InvalidRequest


def watch(rate: float = 1.0) -> LossWatch:
    return LossWatch("the network", "training.learning_rate", rate, 2e-3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e6])
@pytest.mark.parametrize("step", [2, 25, 26, 40])
def test_the_step_of_the_first_bad_loss_is_named(bad, step):
    def train() -> None:
        seen = watch()
        for number in range(1, 60):
            seen.see(torch.tensor(bad if number >= step else 2.0))

    with pytest.raises(InvalidRequest, match=rf"diverged at step {step} with training.learning_rate=1\. Use .*=0.002 or less"):
        train()


def test_the_rate_that_is_proposed_is_lower_than_the_one_that_failed():
    with pytest.raises(InvalidRequest, match=r"Use training\.learning_rate=0\.0001 or less"):
        watch(1e-3).look([torch.tensor([math.nan])])


def test_ordinary_losses_and_weights_pass():
    seen = watch()
    for number in range(100):
        seen.see(torch.tensor(5.0 / (1 + number)))
    seen.look([torch.ones(3), torch.zeros(0), torch.tensor([1, 2])])
    assert all_finite([])
    assert not all_finite([torch.ones(2), torch.tensor([1.0, math.inf])])
