"""What a strategy says that it uses of a problem is all that its queries depend on."""

from __future__ import annotations

from dataclasses import replace

import torch

from nag.diffusion import UniformGenerator
from nag.predictors import Prediction, ProxyColumns, TreesPredictor
from nag.search import Problem
from nag.spaces import enumerate_space, space_from_mapping
from nag.tasks import Objective

TINY = space_from_mapping(
    {"name": "tiny", "operations": {"a": "parametric", "b": "parametric", "c": "parametric"}, "nodes": 6,
     "edges": [[i, i + 1] for i in range(5)]}
)  # fmt: skip
PLAIN = Problem(TINY, Objective.single("score"))


class Prior(TreesPredictor):
    """Beliefs of another task."""

    def predict_scores(self, dags) -> Prediction:
        return Prediction(dags.ops.double().sum(1), torch.ones(len(dags), dtype=torch.float64))


def parts() -> dict[str, object]:
    every = enumerate_space(TINY)
    noise = torch.randn(len(every), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return {
        "generator": UniformGenerator(TINY, every),
        "proxies": ProxyColumns.of(TINY, every, noise),
        "prior": Prior(TINY),
    }


def test_a_strategy_asks_the_same_whatever_it_is_given_beside_what_it_uses(make, search):
    unused = {name: part for name, part in parts().items() if name not in make(PLAIN, 0).uses}
    alone = search(make(PLAIN, 0), rounds=4, batch=3)
    assert search(make(replace(PLAIN, **unused), 0), rounds=4, batch=3) == alone
