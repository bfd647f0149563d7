import pytest
import torch
from torch import Tensor

from nag.errors import InvalidRequest
from nag.graphs import DagBatch, reduce
from nag.predictors import GNNPredictor, Prediction
from nag.predictors.structure import structure_counts
from nag.spaces import load_space, sample_uniform

NB201 = load_space("nasbench201")
GRAPH = load_space("nas_bench_graph")
SPACES = pytest.mark.parametrize("space", [NB201, GRAPH], ids=lambda space: space.name)


def conv_count(space, dags: DagBatch, op: str) -> Tensor:
    """Nodes of one operation that matter to what the architecture computes."""
    counts = structure_counts(reduce(dags, space.semantics), space.semantics)
    return counts.ops[:, space.vocabulary.index(op)]


def order_agreement(scores: Tensor, targets: Tensor) -> float:
    """Kendall's tau over the pairs of different targets (Goodman and Kruskal's gamma)."""
    apart = (targets[:, None] - targets).sign()
    return float((apart * (scores[:, None] - scores).sign())[apart != 0].mean())


def fit(space, seed: int = 0, count: int = 40, **options) -> tuple[GNNPredictor, DagBatch]:
    dags = sample_uniform(space, count + 30, seed=5)
    targets = dags.ops.double().mean(1)
    predictor = GNNPredictor(space, seed=seed, **{"steps": 20, "members": 2, "width": 8, **options})
    predictor.fit(dags[:count], targets[:count])
    return predictor, dags[count:]


def same_bits(a: Prediction, b: Prediction) -> bool:
    return torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std)


@pytest.mark.parametrize(("space", "op"), [(NB201, "nor_conv_3x3"), (GRAPH, "gin")], ids=["nasbench201", "nas_bench_graph"])
def test_learns_to_count_an_operation_from_100_labels(space, op):
    train, test = sample_uniform(space, 100, seed=1), sample_uniform(space, 1000, seed=2)
    predictor = GNNPredictor(space)
    predictor.fit(train, conv_count(space, train, op))
    prediction, truth = predictor.predict(test), conv_count(space, test, op)
    assert order_agreement(prediction.mean, truth) > 0.95
    assert (prediction.mean - truth).abs().mean() < 0.25


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_networks_and_process_each_learn_alone(share):
    train, test = sample_uniform(NB201, 100, seed=1), sample_uniform(NB201, 500, seed=2)
    predictor = GNNPredictor(NB201, process_share=share)
    predictor.fit(train, conv_count(NB201, train, "nor_conv_3x3"))
    assert order_agreement(predictor.predict(test).mean, conv_count(NB201, test, "nor_conv_3x3")) > 0.9


@SPACES
def test_the_order_of_nodes_does_not_matter(space):
    predictor, dags = fit(space)
    normal = reduce(dags, space.semantics)
    swap = torch.arange(space.max_nodes)
    swap[[2, 3]] = swap[[3, 2]]
    free = normal.adjacency[:, 2, 3] == 0
    assert free.sum() > 5
    swapped = normal.take_nodes(swap.expand(len(dags), -1))
    torch.testing.assert_close(predictor.predict(normal[free]).mean, predictor.predict(swapped[free]).mean, rtol=0, atol=1e-5)


def test_architectures_that_compute_the_same_get_the_same_prediction():
    predictor, _ = fit(NB201)
    texts = [
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|",
        "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    ]
    *twins, other = predictor.predict(NB201.to_dags([NB201.decode(text) for text in texts])).mean.tolist()
    assert twins == pytest.approx([twins[0]] * 3, abs=1e-6)
    assert abs(other - twins[0]) > 1e-3


@SPACES
def test_same_seed_same_bits_and_another_seed_others(space):
    first, dags = fit(space, seed=3)
    torch.rand(7)  # what else draws from the global generator must not matter
    state = torch.get_rng_state()
    second, _ = fit(space, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    third, _ = fit(space, seed=4)
    assert same_bits(first.predict(dags), second.predict(dags))
    assert not same_bits(first.predict(dags), third.predict(dags))


def test_fitting_again_forgets():
    predictor, dags = fit(NB201)
    before = predictor.predict(dags)
    predictor.fit(dags, torch.arange(len(dags)).double())
    assert not same_bits(before, predictor.predict(dags))
    again, _ = fit(NB201)
    again.fit(dags, torch.arange(len(dags)).double())
    assert same_bits(predictor.predict(dags), again.predict(dags))


@SPACES
def test_a_loaded_predictor_predicts_the_same_bits(space):
    predictor, dags = fit(space)
    state = {name: value.clone() for name, value in predictor.state_dict().items()}
    assert all(value.is_contiguous() for value in state.values())
    loaded = GNNPredictor(space, members=2, width=8, seed=99)
    loaded.load_state_dict(state)
    assert same_bits(predictor.predict(dags), loaded.predict(dags))


def test_chunks_do_not_matter_and_no_gradient_is_kept():
    predictor, dags = fit(NB201)
    whole = predictor.predict(dags)
    predictor.chunk_size = 7
    parts = predictor.predict(dags)
    torch.testing.assert_close(whole.mean, parts.mean, rtol=0, atol=1e-5)
    assert not parts.mean.requires_grad
    assert len(predictor.predict(dags[:0])) == 0


def test_means_are_in_units_of_the_target_and_in_the_order_of_the_scores():
    predictor, _ = fit(NB201)
    every = sample_uniform(NB201, 300, seed=8)
    mean, scores = predictor.predict(every).mean, predictor.predict_scores(every).mean
    assert (mean[scores.argsort()].diff() >= 0).all()
    assert (predictor.predict(every).std > 0).all()
    shifted = GNNPredictor(NB201, steps=20, members=2, width=8)
    train = sample_uniform(NB201, 70, seed=5)[:40]
    shifted.fit(train, 90 + 10 * train.ops.double().mean(1))
    torch.testing.assert_close(shifted.predict(every).mean, 90 + 10 * mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(shifted.predict(every).std, 10 * predictor.predict(every).std, rtol=0, atol=1e-6)


def test_many_labels_train_in_batches():
    predictor, dags = fit(NB201, count=300, batch_size=64)
    assert predictor.predict(dags).mean.isfinite().all()


@pytest.mark.parametrize("targets", [[1.0], [1.0, 1.0, 1.0], [1.0, 2.0]], ids=str)
def test_few_or_equal_labels_give_finite_predictions(targets):
    dags = sample_uniform(NB201, 20, seed=0)
    predictor = GNNPredictor(NB201, steps=5, members=2, width=8)
    predictor.fit(dags[: len(targets)], torch.tensor(targets))
    prediction = predictor.predict(dags)
    assert prediction.mean.isfinite().all()
    assert prediction.std.isfinite().all()


def test_misuse_is_refused():
    dags = sample_uniform(NB201, 3, seed=0)
    predictor = GNNPredictor(NB201)
    with pytest.raises(InvalidRequest, match="not been fitted"):
        predictor.predict(dags)
    with pytest.raises(InvalidRequest, match="targets of shape 2"):
        predictor.fit(dags, torch.zeros(2))
    with pytest.raises(InvalidRequest, match="not finite"):
        predictor.fit(dags, torch.tensor([1.0, float("nan"), 2.0]))
    with pytest.raises(InvalidRequest, match="out of range"):
        GNNPredictor(NB201, process_share=2.0)
    with pytest.raises(InvalidRequest, match="less than 1"):
        GNNPredictor(NB201, members=0)
