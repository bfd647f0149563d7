import numpy as np
import pytest
import torch
from scipy import stats

from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.graphs import DagBatch
from nag.predictors import GPCostPredictor, Prediction
from nag.predictors.gp_cost import scores_of
from nag.predictors.normal_scores import NormalScores
from nag.spaces import load_space, sample_uniform
from nag.tasks import load_task

NB201 = load_space("nasbench201")
GRAPH = load_space("nas_bench_graph")
SPACES = pytest.mark.parametrize("space", [NB201, GRAPH], ids=lambda space: space.name)


def cost(space, dags: DagBatch) -> torch.Tensor:
    """A latency to which every node adds, whether or not it matters to the output."""
    price = torch.linspace(0.5, 3.0, len(space.vocabulary), dtype=torch.float64)
    return (price[dags.ops] * dags.mask).sum(1).round(decimals=6)  # equal costs are equal bits


def fitted(space, count: int = 60, **options) -> tuple[GPCostPredictor, DagBatch]:
    dags = sample_uniform(space, count + 100, seed=5)
    predictor = GPCostPredictor(space, **options)
    predictor.fit(dags[:count], cost(space, dags[:count]))
    return predictor, dags[count:]


def same_bits(a: Prediction, b: Prediction) -> bool:
    return torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std)


@SPACES
def test_learns_an_additive_cost_of_dead_operations_too(space):
    predictor, dags = fitted(space)
    truth = cost(space, dags)
    assert (predictor.predict(dags).mean - truth).abs().mean() < 0.05 * truth.std()
    assert predictor.chosen == ("operations", "plain")


def test_long_tails_choose_normal_scores():
    dags = sample_uniform(NB201, 200, seed=1)
    value = cost(NB201, dags)
    tails = (3 * (value - value.mean()) / value.std()).exp()
    predictor = GPCostPredictor(NB201)
    predictor.fit(dags[:100], tails[:100])
    assert predictor.chosen[1] == "normal_scores"
    assert stats.kendalltau(predictor.predict(dags[100:]).mean, tails[100:]).statistic > 0.85


@pytest.mark.parametrize("target", ["plain", "tails"])
def test_scores_have_the_order_of_the_means_and_the_scale_of_the_labels(target):
    dags = sample_uniform(NB201, 200, seed=1)
    values = cost(NB201, dags)
    predictor = GPCostPredictor(NB201)
    predictor.fit(dags[:60], values[:60] if target == "plain" else values[:60].exp())
    mean, scores = predictor.predict(dags), predictor.predict_scores(dags)
    assert (scores.mean[mean.mean.argsort()].diff() >= -1e-9).all()
    assert scores.mean[:60].mean().abs() < 0.1
    assert 0.8 < scores.mean[:60].std() < 1.2
    assert (mean.std > 0).all()
    assert (scores.std > 0).all()


@pytest.mark.parametrize("targets", [[3.0], [1.0, 1.0], [1.0, 2.0], [5.0, 1.0, 1.0, 2.0, 9.0]], ids=str)
def test_scores_of_inverts_the_map_to_targets(targets):
    normal = NormalScores()
    normal.fit(torch.tensor(targets))
    scores = torch.linspace(-4, 4, 101, dtype=torch.float64)
    torch.testing.assert_close(scores_of(normal, normal.to_targets(scores)), scores)


@SPACES
def test_a_restored_predictor_predicts_the_same_bits(space):
    predictor, dags = fitted(space)
    state = {name: value.clone() for name, value in predictor.state_dict().items()}
    loaded = GPCostPredictor.restore(space, predictor.config(), state)
    assert same_bits(predictor.predict(dags), loaded.predict(dags))
    assert same_bits(predictor.predict_scores(dags), loaded.predict_scores(dags))
    with pytest.raises(NagError):
        GPCostPredictor.restore(space, {"views": []}, state)
    with pytest.raises(DamagedFile):
        GPCostPredictor.restore(space, predictor.config(), {})


def test_fitting_again_forgets_and_draws_nothing_from_the_global_generator():
    predictor, dags = fitted(NB201)
    state = torch.get_rng_state()
    predictor.fit(dags[:20], torch.arange(20))
    assert torch.equal(torch.get_rng_state(), state)
    fresh = GPCostPredictor(NB201)
    fresh.fit(dags[:20], torch.arange(20))
    assert same_bits(predictor.predict(dags), fresh.predict(dags))


def test_chunks_and_the_number_of_labels_do_not_matter():
    predictor, dags = fitted(NB201, max_points=30)
    assert predictor.process.points.shape[0] == 30
    whole = predictor.predict(dags)
    predictor.chunk_size = 7
    torch.testing.assert_close(predictor.predict(dags).mean, whole.mean)
    assert len(predictor.predict(dags[:0])) == len(predictor.predict_scores(dags[:0])) == 0


@pytest.mark.parametrize("targets", [[1.0], [1.0, 1.0, 1.0], [1.0, 2.0]], ids=str)
def test_few_or_equal_labels_give_finite_predictions(targets):
    dags = sample_uniform(NB201, 20, seed=0)
    predictor = GPCostPredictor(NB201)
    predictor.fit(dags[: len(targets)], torch.tensor(targets))
    for prediction in (predictor.predict(dags), predictor.predict_scores(dags)):
        assert prediction.mean.isfinite().all()
        assert prediction.std.isfinite().all()


def test_misuse_is_refused():
    dags = sample_uniform(NB201, 3, seed=0)
    with pytest.raises(InvalidRequest, match="not been fitted"):
        GPCostPredictor(NB201).predict(dags)
    with pytest.raises(InvalidRequest, match="Did you mean 'raw'"):
        GPCostPredictor(NB201, views=["row"])
    with pytest.raises(InvalidRequest, match="no view"):
        GPCostPredictor(NB201, views=[])


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(("device", "least"), [("titan_rtx_256_ms", 0.99), ("1080ti_1_ms", 0.98), ("pixel2_ms", 0.72)])
def test_explains_measured_latencies(device, least):
    table = load_task("nasbench201/cifar100").table
    order = np.random.default_rng(100).permutation(len(table))
    train, test = torch.from_numpy(order[:200]), torch.from_numpy(order[200:3200])
    latency = torch.from_numpy(table.metric(device))
    predictor = GPCostPredictor(table.space)
    predictor.fit(table.dags[train], latency[train])
    error = (predictor.predict(table.dags[test]).mean - latency[test]).square().mean()
    assert 1 - error / latency[test].var() > least
