"""Laws of pre-training without labels."""

from __future__ import annotations

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.graphs import dags_to_pyg, reduce
from nag.nn.message_passing import DagEncoder
from nag.predictors import GNNPredictor, Pretraining
from nag.predictors.pretraining import pretrain
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform

SPACE = load_space("nasbench201")
DAGS = reduce(sample_uniform(SPACE, 300, seed=0), SPACE.semantics)


def encoder() -> DagEncoder:
    semantics = SPACE.semantics
    output = semantics.vocabulary.index(semantics.output)
    return DagEncoder(len(semantics.vocabulary), output, SPACE.max_nodes - 1, 16, 2, 2)


def linear_fit(embedding: torch.Tensor, targets: torch.Tensor) -> float:
    """Share of the variance that a ridge regression of one half explains in the other."""
    x = torch.cat([embedding[0].double(), torch.ones(len(targets), 1, dtype=torch.float64)], 1)
    x, y = x - 0, targets - targets.mean(0)
    train, test = x[:150], x[150:]
    weights = torch.linalg.solve(train.T @ train + 1e-2 * torch.eye(train.shape[1]), train.T @ y[:150])
    return 1 - float((test @ weights - y[150:]).square().sum() / y[150:].square().sum())


def test_embeddings_tell_more_of_the_graph_afterwards():
    statistics = structure_counts(DAGS, SPACE.semantics).path_pairs
    plain, taught = encoder(), encoder()
    pretrain(taught, DAGS, SPACE.semantics, Pretraining(steps=80), torch.Generator().manual_seed(0))
    before, after = (linear_fit(e(dags_to_pyg(DAGS)).detach(), statistics) for e in (plain, taught))
    assert after > before + 0.02


def test_no_steps_change_nothing_and_the_seed_decides():
    plain, untouched, one, other = (encoder() for _ in range(4))
    pretrain(untouched, DAGS, SPACE.semantics, Pretraining(steps=0), torch.Generator().manual_seed(0))
    for each in (one, other):
        pretrain(each, DAGS, SPACE.semantics, Pretraining(steps=3), torch.Generator().manual_seed(1))
    for a, b, c, d in zip(*(e.parameters() for e in (plain, untouched, one, other)), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(c, d)
    assert not torch.equal(plain.ops, one.ops)


def test_a_pretrained_predictor_is_a_function_of_its_seed():
    dags, options = sample_uniform(SPACE, 30, seed=1), Pretraining(graphs=50, steps=3)
    first, second = (GNNPredictor(SPACE, steps=3, members=2, pretraining=options, seed=5) for _ in range(2))
    for each in (first, second):
        each.fit(dags, dags.ops.double().mean(1))
    assert torch.equal(first.predict(dags).mean, second.predict(dags).mean)
    first.fit(dags, dags.ops.double().mean(1))  # from what it kept of the pre-training
    assert torch.equal(first.predict(dags).mean, second.predict(dags).mean)


def test_shares_out_of_range_are_refused():
    with pytest.raises(InvalidRequest, match="hidden"):
        Pretraining(hidden=1.0)
