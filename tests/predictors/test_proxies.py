"""Training-free scores as features: ranks, whatever the numbers."""

from __future__ import annotations

import math

import pytest
import torch

from nag.predictors import ProxyColumns
from nag.spaces import enumerate_space, load_space

NB201 = load_space("nasbench201")


@pytest.mark.parametrize("infinite", [math.inf, -math.inf])
def test_an_infinite_score_is_the_worst(infinite):
    """(W7)"""
    every = enumerate_space(NB201)
    codes = NB201.function_codes(every)
    dags = every[torch.tensor([int((codes == code).nonzero()[0]) for code in codes.unique()[:5]])]
    scores = torch.tensor([[3.0], [infinite], [1e67], [math.nan], [-5.0]], dtype=torch.float64)
    found = ProxyColumns.of(NB201, dags, scores)(dags)[:, 0]
    assert found[[1, 4, 0, 2]].diff().gt(0).all()
    assert float(found[3]) == 0
