from itertools import combinations

import numpy as np
import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.core.pareto import chebyshev, spread_weights
from nag.evaluation import (
    ComputedMetric,
    FrontScore,
    GuidanceScore,
    HeldOut,
    LimitRisk,
    Margin,
    PredictedMetric,
    computed_metrics,
    cross_validate,
    front,
    hypervolume,
)
from nag.graphs import DagBatch
from nag.predictors import GPCostPredictor
from nag.spaces import sample_uniform, space_from_mapping
from nag.tasks import Limit, load_task, parse_objective

OPERATIONS = {"conv3x3": "parametric", "conv1x1": "parametric", "maxpool": "parametric"}
SPACE = space_from_mapping(
    {"name": "cell", "operations": OPERATIONS, "nodes": [2, 5], "edges": "free", "constraints": {"all_nodes_on_a_path": True}}
)
REFERENCE = sample_uniform(SPACE, 300, seed=0)
DAGS = sample_uniform(SPACE, 240, seed=1)
PRICES = torch.tensor([[0.0, 0.1, 3.0, 1.0, 2.0], [0.0, 0.1, 3.0, 2.9, 0.2]], dtype=torch.float64)


def price(dags: DagBatch, row: int) -> torch.Tensor:
    """A price of each operation and place."""
    places = torch.arange(dags.max_nodes).double() / 7
    return ((PRICES[row][dags.ops] + (1 - 2 * row) * places) * dags.mask).sum(1).round(decimals=6)


METRICS = {
    **computed_metrics(SPACE, REFERENCE),
    "wide": ComputedMetric(lambda dags: price(dags, 0), REFERENCE),
    "long": ComputedMetric(lambda dags: price(dags, 1), REFERENCE),
}


def invalid(dags: DagBatch) -> DagBatch:
    """The graphs without any edge."""
    return DagBatch(dags.ops, torch.zeros_like(dags.adjacency), dags.mask)


def objective(**spec) -> GuidanceScore:
    return GuidanceScore(SPACE, parse_objective(spec), METRICS)


# -- metrics ------------------------------------------------------------------------------------------------------------


def test_computed_metrics_are_those_of_the_graph():
    assert {"depth", "num_nodes", "num_edges", *SPACE.costs} == set(computed_metrics(SPACE, REFERENCE))
    for arch, depth, nodes, edges in zip(
        SPACE.to_architectures(DAGS),
        *(METRICS[name].values(DAGS).tolist() for name in ("depth", "num_nodes", "num_edges")),
        strict=True,
    ):
        longest = [0] * arch.num_nodes
        for u, v in sorted(arch.edges, key=lambda edge: edge[1]):
            longest[v] = max(longest[v], longest[u] + 1)
        assert (depth, nodes, edges) == (max(longest), arch.num_nodes, len(arch.edges))


def test_scores_increase_with_values_on_a_standard_scale():
    for metric in (METRICS["num_edges"], METRICS["wide"]):
        values, scores = metric.values(DAGS), metric.scores(DAGS)
        assert ((values[:, None] - values).sign() == (scores[:, None] - scores).sign()).all()
    assert METRICS["wide"].scores(REFERENCE).mean().abs() < 0.1
    assert 0.8 < METRICS["wide"].scores(REFERENCE).std() < 1.2


def test_a_metric_that_never_varies_is_finite():
    metric = ComputedMetric(lambda dags: torch.ones(len(dags)), REFERENCE)
    assert metric.scores(DAGS).eq(0).all()
    assert metric.spread == 1


def test_unknown_computed_metric_is_refused_with_a_suggestion():
    with pytest.raises(InvalidRequest, match="Did you mean 'depth'"):
        computed_metrics(SPACE, REFERENCE, ["dept"])


# -- weighted sums and limits -------------------------------------------------------------------------------------------


def test_limits_on_computed_metrics_are_exact():
    goal = objective(maximise={"depth": 1}, limits={"num_edges": {"max": 6}, "num_nodes": {"min": 5}})
    keeps = (METRICS["num_edges"].values(DAGS) <= 6) & (METRICS["num_nodes"].values(DAGS) >= 5)
    assert keeps.any()
    assert not keeps.all()
    assert torch.equal(goal.feasible(DAGS), keeps)


@pytest.mark.parametrize("weight", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("direction", ["maximise", "minimise"])
def test_infeasible_and_invalid_graphs_score_below_feasible_ones_and_fall_with_the_violation(direction, weight):
    goal = objective(**{direction: {"num_edges": weight}}, limits={"num_edges": {"max": 7}, "wide": {"max": 9}})
    broken = invalid(DAGS[:20])
    score, feasible = goal.score(DAGS), goal.feasible(DAGS)
    assert score[feasible].min() > max(score[~feasible].max(), goal.score(broken).max())
    assert not goal.feasible(broken).any()
    few_edges = METRICS["num_edges"].values(DAGS) <= 7
    wide, score = METRICS["wide"].values(DAGS)[few_edges & ~feasible], score[few_edges & ~feasible]
    assert (score[wide.argsort()].diff() <= 0).all()
    assert score.min() < score.max()


def test_weight_zero_removes_a_term():
    both = objective(maximise={"depth": 1.0, "num_nodes": 0.0}, minimise={"num_edges": 0.0})
    torch.testing.assert_close(both.score(DAGS), objective(maximise={"depth": 1.0}).score(DAGS))
    assert both.objective.names == ("depth",)


def test_directions_have_opposite_signs_and_weights_add_up():
    up, down = objective(maximise={"depth": 2.0}), objective(minimise={"depth": 2.0})
    torch.testing.assert_close(up.score(DAGS), -down.score(DAGS))
    mixed = objective(maximise={"depth": 1.0}, minimise={"num_edges": 0.5}).score(DAGS)
    torch.testing.assert_close(mixed, METRICS["depth"].scores(DAGS) - 0.5 * METRICS["num_edges"].scores(DAGS))


def test_limits_alone_make_an_objective():
    goal = objective(limits={"num_edges": {"max": 6}})
    assert goal.score(DAGS)[goal.feasible(DAGS)].eq(0).all()
    assert goal.score(DAGS)[~goal.feasible(DAGS)].max() < -1


# -- margins ------------------------------------------------------------------------------------------------------------


def noisy(count: int, seed: int, relative: bool) -> HeldOut:
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(5, 50, count)
    error = rng.gamma(2.0, 0.1, count) - 0.15
    return HeldOut(predicted, predicted * (1 + error) if relative else predicted + error * 60 / predicted)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("risk", [0.05, 0.1, 0.3])
def test_margins_cover_new_draws_as_often_as_stated(relative, risk):
    covered_above, covered_below = [], []
    for seed in range(40):
        margin, new = Margin.calibrate(noisy(100, seed, relative), risk), noisy(500, 1000 + seed, relative)
        assert margin.relative == relative
        high = new.predicted * margin.high if relative else new.predicted + margin.high
        low = new.predicted * margin.low if relative else new.predicted + margin.low
        covered_above.append((new.true <= high).mean())
        covered_below.append((new.true >= low).mean())
    assert 1 - risk - 0.01 <= np.mean(covered_above) <= 1 - risk + 0.04
    assert 1 - risk - 0.01 <= np.mean(covered_below) <= 1 - risk + 0.04


def test_predicted_limits_are_kept_with_the_margin():
    predictor = GPCostPredictor(SPACE, views=["operations"])
    labels = METRICS["wide"].values(REFERENCE)[:60] + 20
    predictor.fit(REFERENCE[:60], labels)
    metrics = {"latency": PredictedMetric("latency", predictor, float(labels.std()), Margin(1.1, 0.9, True))}
    goal = GuidanceScore(SPACE, parse_objective({"limits": {"latency": {"max": 40, "min": 24}}}), metrics)
    mean = predictor.predict(DAGS).mean
    assert torch.equal(goal.feasible(DAGS), (mean * 1.1 <= 40) & (mean * 0.9 >= 24))
    assert 0 < goal.feasible(DAGS).sum() < len(DAGS)
    with pytest.raises(InvalidRequest, match="too inexact"):
        GuidanceScore(SPACE, parse_objective({"limits": {"latency": {"max": 30, "min": 29}}}), metrics)
    with pytest.raises(InvalidRequest, match="no margin"):
        PredictedMetric("latency", predictor).threshold(Limit(max=30))


def test_cross_validation_never_sees_the_label_it_predicts():
    dags, rng = DAGS[:30], torch.Generator().manual_seed(0)
    noise = torch.randn(30, generator=rng, dtype=torch.float64)
    held_out = cross_validate(lambda: GPCostPredictor(SPACE, views=["operations"]), dags, noise, rng)
    assert np.array_equal(held_out.true, noise.numpy())
    assert abs(np.corrcoef(held_out.predicted, held_out.true)[0, 1]) < 0.5
    with pytest.raises(InvalidRequest, match="folds"):
        cross_validate(lambda: GPCostPredictor(SPACE), dags[:3], noise[:3], rng)


def test_too_few_labels_for_a_risk_are_refused():
    few = noisy(8, 0, True)
    with pytest.raises(InvalidRequest, match="at least 9"):
        Margin.calibrate(few, 0.1)
    Margin.calibrate(noisy(9, 0, True), 0.1)
    with pytest.raises(InvalidRequest, match="above 0 and below 1"):
        Margin.calibrate(few, 0.0)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("device", ["gold_6226_ms", "samsung_s7_ms"])
def test_margins_cover_measured_latencies_as_often_as_stated(device):
    table = load_task("nasbench201/cifar100").table
    latency = torch.from_numpy(table.metric(device))
    covered = []
    for seed in (100, 101):
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(table)))
        train, test = order[:200], order[200:4200]

        def make() -> GPCostPredictor:
            return GPCostPredictor(table.space, views=["operations"])

        rng = torch.Generator().manual_seed(seed)
        margin = Margin.calibrate(cross_validate(make, table.dags[train], latency[train], rng), 0.1)
        predictor = make()
        predictor.fit(table.dags[train], latency[train])
        mean = predictor.predict(table.dags[test]).mean
        highest = mean * margin.high if margin.relative else mean + margin.high
        covered.append(float((latency[test] <= highest).double().mean()))
    assert np.mean(covered) >= 0.9 - 0.03  # two draws of 200 labels: the share's standard deviation is 0.015


# -- fronts -------------------------------------------------------------------------------------------------------------


def dominated(point: np.ndarray, others: np.ndarray) -> bool:
    return bool(((others >= point).all(1) & (others > point).any(1)).any())


@pytest.mark.parametrize("directions", [2, 3])
def test_front_and_hypervolume_equal_brute_force(directions):
    values = torch.randint(0, 6, (25, directions), generator=torch.Generator().manual_seed(directions)).double()
    values[1], values[2] = values[0], 6 - values[0]
    points = values.numpy()
    assert front(values).tolist() == [not dominated(point, points) for point in points]
    volume = 0.0  # inclusion and exclusion over the boxes below the distinct points of the front
    optimal = np.unique(points[front(values).numpy()], axis=0)
    for size in range(1, len(optimal) + 1):
        for chosen in combinations(optimal, size):
            volume -= (-1) ** size * np.prod(np.min(chosen, 0) + 1)
    assert hypervolume(values, -torch.ones(directions)) == pytest.approx(volume)


def test_an_empty_front():
    assert front(torch.zeros(0, 2)).shape == (0,)
    assert hypervolume(torch.zeros(0, 2), torch.zeros(2)) == 0


@pytest.mark.parametrize(("count", "directions"), [(1, 2), (2, 2), (9, 2), (40, 3), (64, 4)])
def test_weights_spread_over_the_simplex(count, directions):
    weights = spread_weights(count, directions)
    assert weights.shape == (count, directions)
    torch.testing.assert_close(weights.sum(1), torch.ones(count, dtype=torch.float64))
    assert (weights >= 0).all()
    assert len(weights.unique(dim=0)) == count
    if count > 20:
        assert (weights.mean(0) - 1 / directions).abs().max() < 0.05


def test_scalarisations_reach_the_concave_part_of_a_front_and_only_the_front():
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    curve = torch.stack([x, (1 - x) ** 3], 1)  # no weighted sum is greatest between the ends
    values = torch.cat([curve, curve * 0.8 - 0.05])
    scores = chebyshev(values.unsqueeze(1), spread_weights(100, 2), 1.0, 0.01)
    best = scores.argmax(0).unique()
    assert (best < 21).all()
    assert len(best) > 15


def pareto(count: int, **limits) -> FrontScore:
    spec = parse_objective({"maximise": {"wide": 1}, "minimise": {"long": 1}, "limits": limits, "pareto": True})
    return FrontScore(SPACE, spec, METRICS, count)


def test_each_sample_is_scored_under_its_own_weights():
    goal = pareto(8, num_nodes={"max": 4})
    pool = goal.scores(DAGS)
    assert pool.shape == (240, 8)
    own = torch.arange(240) % 8
    torch.testing.assert_close(goal.score(DAGS), pool[torch.arange(240), own])
    with pytest.raises(InvalidRequest, match="multiple"):
        goal.score(DAGS[:9])
    feasible = goal.feasible(DAGS)
    assert pool[feasible].min() > pool[~feasible].max()


def test_the_best_of_each_weight_lies_on_the_front_and_they_differ():
    goal = pareto(30)
    best = goal.scores(DAGS).argmax(0)
    values = goal.values(DAGS)
    assert front(values)[best].all()
    assert len(values[best].unique(dim=0)) > 3
    assert values[best[0], 0] > values[best[1], 0]
    assert values[best[1], 1] > values[best[0], 1]


def test_objectives_of_unknown_metrics_are_refused():
    with pytest.raises(InvalidRequest, match="no metric 'accuracy'"):
        objective(maximise={"accuracy": 1})


@pytest.mark.parametrize(
    "wrong", [{"risk": 0}, {"risk": 1}, {"risk": 1.5}, {"boundary_fraction": -0.1}, {"boundary_fraction": 2}]
)
def test_the_risk_of_a_limit_lies_between_0_and_1(wrong):
    with pytest.raises(InvalidRequest, match=r"must be a number (above 0 and below 1|of at least 0 and at most 1)"):
        LimitRisk(**wrong)
