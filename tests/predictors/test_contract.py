"""The laws of every predictor that learns normal scores of normal forms."""

from __future__ import annotations

import itertools
from functools import lru_cache, partial

import pytest
import torch
from torch import Tensor

from nag.core.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch, reduce
from nag.predictors import (
    GNNPredictor,
    GPPredictor,
    ListwiseLoss,
    Prediction,
    Pretraining,
    ProxyColumns,
    RankedPredictor,
    SquaredLoss,
    StackedPredictor,
    TransformerPredictor,
    TreesPredictor,
)
from nag.predictors.network import one_cycle
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform
from nag.testing import PredictorContract

NB201 = load_space("nasbench201")
GRAPH = load_space("nas_bench_graph")
SPACES = pytest.mark.parametrize("space", [NB201, GRAPH], ids=lambda space: space.name)
SMALL = {
    "gnn": partial(GNNPredictor, steps=20, members=2, width=8),
    "gp": GPPredictor,
    "trees": partial(TreesPredictor, trees=20, folds=2),
    "transformer": partial(TransformerPredictor, steps=30, members=2, width=16, heads=2, layers=1),
}
SMALL["stacked"] = partial(StackedPredictor, parts={name: SMALL[name] for name in ("gnn", "gp", "trees")})
FAMILIES = pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
FEW = partial(GNNPredictor, members=2, steps=100)


class Contract(PredictorContract):
    """The contract of one family on one space."""

    family: str

    def make(self, space):
        return SMALL[self.family](space, seed=3)


for family, space in itertools.product(SMALL, (NB201, GRAPH)):
    name = f"TestContract_{family}_{space.name}"
    globals()[name] = type(name, (Contract,), {"family": family, "space": space})

RANDOM = pytest.mark.parametrize("make", [SMALL[name] for name in ("gnn", "trees", "transformer", "stacked")])


def conv_count(space, dags: DagBatch, op: str) -> Tensor:
    """Nodes of one operation that matter to what the architecture computes."""
    counts = structure_counts(reduce(dags, space.semantics), space.semantics)
    return counts.ops[:, space.vocabulary.index(op)]


def order_agreement(scores: Tensor, targets: Tensor) -> float:
    """Kendall's tau over the pairs of different targets (Goodman and Kruskal's gamma)."""
    apart = (targets[:, None] - targets).sign()
    return float((apart * (scores[:, None] - scores).sign())[apart != 0].mean())


@lru_cache(maxsize=64)
def fit(make, space=NB201, seed: int = 0, count: int = 40, **options) -> tuple[RankedPredictor, DagBatch]:
    """A fitted predictor and what it has not seen, the same for all tests: none changes it."""
    dags = sample_uniform(space, count + 30, seed=5)
    targets = dags.ops.double().mean(1)
    predictor = make(space, seed=seed, **options)
    predictor.fit(dags[:count], targets[:count])
    return predictor, dags[count:]


def same_bits(a: Prediction, b: Prediction) -> bool:
    return torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std)


@pytest.mark.parametrize(
    "make",
    [
        FEW,
        pytest.param(GNNPredictor, marks=pytest.mark.slow),
        partial(FEW, directed=False),
        partial(FEW, loss=SquaredLoss(focus=0.5)),
        partial(FEW, loss=ListwiseLoss()),
        partial(FEW, pretraining=Pretraining(graphs=200, steps=10)),
        GPPredictor,
        TreesPredictor,
        pytest.param(TransformerPredictor, marks=pytest.mark.slow),
    ],
    ids=["few", "gnn", "undirected", "squared", "listwise", "pretrained", "gp", "trees", "transformer"],
)
@pytest.mark.parametrize(
    ("space", "op"),
    [(NB201, "nor_conv_3x3"), pytest.param(GRAPH, "gin", marks=pytest.mark.slow)],
    ids=["nasbench201", "nas_bench_graph"],
)
def test_learns_to_count_an_operation_from_100_labels(make, space, op):
    train, test = sample_uniform(space, 100, seed=1), sample_uniform(space, 500, seed=2)
    predictor = make(space)
    predictor.fit(train, conv_count(space, train, op))
    prediction, truth = predictor.predict(test), conv_count(space, test, op)
    assert order_agreement(prediction.mean, truth) > 0.9
    assert (prediction.mean - truth).abs().mean() < 0.35


@FAMILIES
@SPACES
def test_the_order_of_nodes_does_not_matter(make, space):
    predictor, dags = fit(make, space)
    normal = reduce(dags, space.semantics)
    swap = torch.arange(space.max_nodes)
    swap[[2, 3]] = swap[[3, 2]]
    free = normal.adjacency[:, 2, 3] == 0
    assert free.sum() > 5
    swapped = normal.take_nodes(swap.expand(len(dags), -1))
    found = predictor.predict(normal[free]).mean, predictor.predict(swapped[free]).mean
    torch.testing.assert_close(*found, rtol=0, atol=1e-5)


@FAMILIES
def test_architectures_that_compute_the_same_get_the_same_prediction(make):
    predictor, _ = fit(make)
    texts = [
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|skip_connect~2|",
    ]
    *twins, other = predictor.predict(NB201.to_dags([NB201.decode(text) for text in texts])).mean.tolist()
    assert twins == pytest.approx([twins[0]] * 3, abs=1e-6)
    assert abs(other - twins[0]) > 1e-4


@RANDOM
def test_another_seed_gives_other_bits(make):
    first, dags = fit(make, seed=3)
    assert not same_bits(first.predict(dags), fit(make, seed=4)[0].predict(dags))


def test_damaged_boosters_are_refused():
    predictor, _ = fit(SMALL["trees"])
    state = dict(predictor.state_dict())
    state["boosters.text"] = state["boosters.text"][: len(state["boosters.text"]) // 3]
    with pytest.raises(DamagedFile):
        TreesPredictor.restore(NB201, predictor.config(), state)


@FAMILIES
def test_chunks_do_not_matter_and_no_gradient_is_kept(make, monkeypatch):
    predictor, dags = fit(make)
    whole = predictor.predict(dags)
    monkeypatch.setattr(predictor, "chunk_size", 7)
    parts = predictor.predict(dags)
    torch.testing.assert_close(whole.mean, parts.mean, rtol=0, atol=1e-5)
    assert not parts.mean.requires_grad
    assert len(predictor.predict(dags[:0])) == 0


@FAMILIES
def test_means_are_in_units_of_the_target_and_in_the_order_of_the_scores(make):
    predictor, _ = fit(make)
    every = sample_uniform(NB201, 300, seed=8)
    mean, scores = predictor.predict(every).mean, predictor.predict_scores(every).mean
    assert (mean[scores.argsort()].diff() >= 0).all()
    assert (predictor.predict(every).std > 0).all()
    shifted, train = make(NB201, seed=0), sample_uniform(NB201, 70, seed=5)[:40]
    shifted.fit(train, 90 + 10 * train.ops.double().mean(1))
    torch.testing.assert_close(shifted.predict(every).mean, 90 + 10 * mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(shifted.predict(every).std, 10 * predictor.predict(every).std, rtol=0, atol=1e-6)


@FAMILIES
def test_held_out_beliefs_come_in_the_order_of_the_labels_and_know_less_than_the_fit(make):
    dags = sample_uniform(NB201, 120, seed=5)
    targets = conv_count(NB201, dags, "nor_conv_3x3") + 0.3 * torch.randn(120, generator=torch.Generator().manual_seed(0))
    predictor = make(NB201, seed=0)
    predictor.fit(dags, targets)
    scores = predictor.normal_scores.fit(targets)
    held_out, seen = predictor.held_out, predictor.predict_scores(dags)
    assert torch.corrcoef(torch.stack([held_out.mean, scores]))[0, 1] > 0.4
    assert (held_out.mean - scores).square().mean() > (seen.mean - scores).square().mean()
    noise = torch.randn(120, generator=torch.Generator().manual_seed(1)).double()
    predictor.fit(dags, noise)  # nothing to learn: what was held out cannot be known
    agreement = torch.corrcoef(torch.stack([predictor.held_out.mean, predictor.normal_scores.fit(noise)]))[0, 1]
    assert agreement < 0.35


@pytest.mark.parametrize(
    "make", [partial(GNNPredictor, members=4, steps=60), GPPredictor, SMALL["stacked"]], ids=["gnn", "gp", "stacked"]
)
def test_the_belief_widens_away_from_the_labels(make):
    """Not so of trees, which are as sure far away as they are near, nor of two small networks."""
    space, op = NB201, NB201.vocabulary.index("nor_conv_3x3")
    dags = sample_uniform(space, 3000, seed=5)
    without = (dags.ops != op).all(1)
    near, far = dags[without], dags[(dags.ops == op).sum(1) >= 3]
    targets = near.ops.double().mean(1)
    predictor = make(space, seed=0)
    predictor.fit(near[:60], targets[:60])
    assert predictor.predict_scores(far).std.mean() > predictor.predict_scores(near[60:]).std.mean()


@FAMILIES
def test_proxies_help_where_they_know_the_answer_and_are_part_of_the_state(make):
    dags = sample_uniform(NB201, 240, seed=5)
    codes = NB201.function_codes(dags)
    answer = (codes % 1009).double()  # nothing that the graph tells
    proxies = ProxyColumns.of(NB201, dags, answer[:, None])
    predictor, blind = make(NB201, seed=0, proxies=proxies), make(NB201, seed=0)
    for each in (predictor, blind):
        each.fit(dags[:120], answer[:120])
    agreement = order_agreement(predictor.predict(dags[120:]).mean, answer[120:])
    assert agreement > order_agreement(blind.predict(dags[120:]).mean, answer[120:]) + 0.1
    restored = type(predictor).restore(NB201, predictor.config(), predictor.state_dict())
    assert same_bits(predictor.predict(dags), restored.predict(dags))


@pytest.mark.parametrize("make", [SMALL["gnn"], SMALL["transformer"]], ids=["gnn", "transformer"])
def test_many_labels_train_in_batches(make):
    predictor, dags = fit(make, count=300, batch_size=64)
    assert predictor.predict(dags).mean.isfinite().all()


def test_a_process_uses_no_more_points_than_it_may():
    predictor, dags = fit(GPPredictor, count=60, max_points=20)
    assert predictor.predict(dags).mean.isfinite().all()
    assert len(predictor.held_out) == 60
    assert len(predictor.process.points) == 20


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(GNNPredictor, members=0), "members"),
        (partial(GNNPredictor, dropout=1.0), "dropout"),
        (partial(TransformerPredictor, width=10, heads=4), "multiple"),
        (partial(TreesPredictor, leaves=1), "leaves"),
        (partial(GPPredictor, wl_rounds=-1), "wl_rounds"),
        (partial(StackedPredictor, parts={}), "no parts"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_options_out_of_range_are_refused(make, words):
    with pytest.raises(InvalidRequest, match=words):
        make(NB201)


@FAMILIES
def test_a_measurement_is_more_uncertain_than_the_function_by_a_constant_noise(make):
    predictor, test = fit(make)
    found = predictor.predict_scores(test)
    noise = found.measurement_std.square() - found.std.square()
    assert (noise > 0).all()
    torch.testing.assert_close(noise, noise.mean().expand(len(noise)))
    assert (predictor.predict(test).measurement_std >= predictor.predict(test).std).all()
    assert (predictor.held_out.measurement_std >= predictor.held_out.std).all()


@pytest.mark.parametrize("make", [SMALL["gnn"], SMALL["transformer"]], ids=["gnn", "transformer"])
def test_a_training_that_diverges_is_told_with_a_lower_rate(make):
    with pytest.raises(InvalidRequest, match=r"training the predictor diverged at step \d+ .*predictor.learning_rate=0.005"):
        fit(make, learning_rate=1000.0)


def test_the_step_size_of_networks_rises_and_falls_to_zero():
    rates = [one_cycle(step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 20
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert all(a > b for a, b in itertools.pairwise(rates[20:]))
