"""Laws of Bayesian strategies: candidates, batches, starts, what is learned from goals and beliefs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import pytest
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.diffusion import Evolution, UniformGenerator
from nag.graphs import Architecture, DagBatch
from nag.predictors import GNNPredictor, GPPredictor, Prediction, ProxyColumns, StackedPredictor, TreesPredictor
from nag.search import Problem
from nag.search.acquisition import ExpectedImprovement, Thompson, UpperConfidence
from nag.search.bayesian import BayesianOptimisation, InitialDesign
from nag.search.candidates import Mutants, unseen
from nag.search.evolutionary_denoising import EvolutionaryDenoising
from nag.search.features import FeatureExtractor
from nag.search.guided import Generated
from nag.search.history import History
from nag.search.robot import RoBoT
from nag.search.strategy import Strategy
from nag.search.surrogates import GPSurrogate, PredictorSurrogate, Surrogate
from nag.search.targets import targets_of
from nag.spaces import SearchSpace, enumerate_space, load_space
from nag.tasks import Metric, Objective, Observation

NB201 = load_space("nasbench201")
GOAL = Objective.single("score")
PLAIN = Problem(NB201, GOAL)  # shared, as its pool is made once
SMALL = Mutants(parents=3, count=20, rounds=2, random=20)


def _convolutions(arch: Architecture) -> float:
    return float(sum(op == "nor_conv_3x3" for op in arch.ops) + 0.1 * sum(op == "skip_connect" for op in arch.ops))


def _proxies(space: SearchSpace, noise: float = 0.5) -> ProxyColumns:
    dags = enumerate_space(space)
    worth = torch.tensor([_convolutions(arch) for arch in space.to_architectures(dags)], dtype=torch.float64)
    drawn = torch.randn(len(dags), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ProxyColumns.of(space, dags, worth[:, None] + noise * drawn)


@lru_cache(maxsize=1)
def _favoured() -> Problem:
    return Problem(NB201, GOAL, proxies=_proxies(NB201))


def _observe(problem: Problem, archs: Sequence[Architecture], **more: Callable[[Architecture], float]) -> list[Observation]:
    metrics = more or {"score": _convolutions}
    return [Observation.of(problem.space, arch, {name: score(arch) for name, score in metrics.items()}) for arch in archs]


def _run(strategy: Strategy, batches: Sequence[int]) -> list[Architecture]:
    found = []
    for n in batches:
        archs = strategy.ask(n)
        strategy.tell(_observe(strategy.problem, archs))
        found += archs
    return found


@pytest.mark.parametrize(
    "options", [{}, *(pytest.param(options, marks=pytest.mark.slow) for options in ({"proxies": False}, {"pool": False}))]
)
def test_finds_the_best_sooner_than_chance(options) -> None:
    strategy = BayesianOptimisation(_favoured(), 0, start=InitialDesign(3), candidates=SMALL, **options)
    found = [_convolutions(arch) for arch in _run(strategy, [1] * 18)]
    assert max(found) == 6.0  # one of 15,625 cells


def test_a_batch_spreads() -> None:
    problem = PLAIN
    strategy = BayesianOptimisation(problem, 0, acquisition=UpperConfidence(1.0), start=InitialDesign(labels=8))
    _run(strategy, [8])
    extractor = strategy._extractor
    posterior = strategy.model.fit(
        extractor, extractor(strategy.history.dags), targets_of(strategy.history, torch.Generator()), 0
    )
    batch = extractor(problem.space.to_dags(strategy.ask(4)))
    view = extractor(problem.pool)
    greedy = view[UpperConfidence(1.0)(posterior.predict(view), 0.0, torch.Generator()).topk(4).indices]
    assert torch.pdist(batch.rows).mean() > torch.pdist(greedy.rows).mean()


def test_what_is_pending_counts_as_known() -> None:
    problem = PLAIN
    strategy = BayesianOptimisation(problem, 0, start=InitialDesign(labels=4))
    _run(strategy, [4])
    assert not set(strategy.ask(3)) & set(strategy.ask(3))


def test_fantasies_take_away_the_spread_of_a_predictor() -> None:
    problem = PLAIN
    dags = problem.pool[:40]
    view = FeatureExtractor(problem, problem.pool)(dags)
    model = PredictorSurrogate(partial(TreesPredictor))
    targets = torch.randn(20, generator=torch.Generator().manual_seed(0))
    posterior = model.fit(FeatureExtractor(problem, problem.pool), view[:20], targets, 0)
    before, after = posterior.predict(view), posterior.with_fantasies(view[30:31]).predict(view)
    torch.testing.assert_close(before.mean, after.mean)
    assert float(after.std[30]) < 0.05 * float(before.std[30])
    assert (after.std <= before.std).all()


SURROGATES: dict[str, Surrogate] = {
    "process": GPSurrogate(),
    "gp": PredictorSurrogate(GPPredictor),
    "gnn": PredictorSurrogate(partial(GNNPredictor, steps=120, members=3, width=16)),
    "trees": PredictorSurrogate(TreesPredictor),
    "stacked": PredictorSurrogate(partial(StackedPredictor, parts={"gp": GPPredictor, "trees": TreesPredictor})),
}

QUICK_SURROGATES = [
    pytest.param(model, id=name, marks=[pytest.mark.slow] if name == "gnn" else []) for name, model in SURROGATES.items()
]


def _spreads(model: Surrogate, labels: int, noise: float) -> Prediction:
    """Posterior at its own labels: of a function of deviation 1, plus noise."""
    extractor, rng = FeatureExtractor(PLAIN, PLAIN.pool), torch.Generator().manual_seed(0)
    seen = extractor(PLAIN.pool[torch.randperm(len(PLAIN.pool), generator=rng)[:labels]])
    true = torch.tensor([_convolutions(arch) for arch in NB201.to_architectures(seen.dags)], dtype=torch.float64)
    true = (true - true.mean()) / true.std()
    return model.fit(extractor, seen, true + noise * torch.randn(labels, generator=rng, dtype=torch.float64), 0).predict(seen)


@pytest.mark.parametrize("model", QUICK_SURROGATES)
def test_the_spread_that_acquisition_sees_tends_to_zero_at_noiseless_labels(model) -> None:
    """It is that of the function, not of a new measurement (W8)."""
    few, many = (float(_spreads(model, labels, 0.0).std.mean()) for labels in (10, 120))
    assert many < 0.07 < few


@pytest.mark.parametrize("model", QUICK_SURROGATES)
def test_the_spread_that_acquisition_sees_leaves_out_the_noise_of_labels(model) -> None:
    assert float(_spreads(model, 120, 0.7).std.mean()) < 0.5


@pytest.mark.parametrize("acquisition", [UpperConfidence(3.0), Thompson(), ExpectedImprovement()])
def test_acquisition_does_not_see_the_noise_of_a_measurement(acquisition) -> None:
    mean, std = torch.tensor([0.0, 0.1]), torch.tensor([0.3, 0.2])
    worth = [
        acquisition(posterior, 0.5, torch.Generator().manual_seed(0))
        for posterior in (Prediction(mean, std), Prediction(mean, std, std + torch.tensor([5.0, 9.0])))
    ]
    assert torch.equal(*worth)


def test_the_first_queries_are_favourites() -> None:
    problem = _favoured()
    proxies = problem.proxies
    assert proxies is not None
    order = proxies(problem.pool).mean(1)
    asked = NB201.to_dags(BayesianOptimisation(problem, 0, start=InitialDesign(labels=5, share=0.05)).ask(5))
    assert (proxies(asked).mean(1) >= order.quantile(0.95) - 1e-9).all()
    plain = NB201.to_dags(BayesianOptimisation(problem, 0, start=InitialDesign(labels=20), proxies=False).ask(20))
    assert bool((proxies(plain).mean(1) < order.quantile(0.95)).any())


def test_beliefs_of_other_tasks_are_walked_down_first() -> None:
    class Oracle(TreesPredictor):
        def predict_scores(self, dags: DagBatch) -> Prediction:
            worth = torch.tensor([_convolutions(arch) for arch in NB201.to_architectures(dags)], dtype=torch.float64)
            return Prediction(worth, torch.ones_like(worth))

    strategy = BayesianOptimisation(Problem(NB201, GOAL, prior=Oracle(NB201)), 0)
    assert [_convolutions(arch) for arch in _run(strategy, [1, 1])] == [6.0, 5.1]


def test_candidates_are_new_and_the_generator_adds_to_them() -> None:
    rng = torch.Generator().manual_seed(0)
    problem = PLAIN
    strategy = BayesianOptimisation(problem, 0)
    history = History(NB201, GOAL).extended(_observe(problem, strategy.ask(5)))

    def worth(dags: DagBatch) -> Tensor:
        return (dags.ops == NB201.vocabulary.index("nor_conv_3x3")).sum(1).double()

    alone = SMALL(problem, history, worth, rng)
    generator = UniformGenerator(NB201, problem.pool)
    more = Generated(count=16, beside=SMALL)(Problem(NB201, GOAL, generator=generator), history, worth, rng)
    for found in (alone, more):
        functions = NB201.canonical_hashes(found)
        assert len(set(functions)) == len(functions)
        assert not set(functions) & history.functions
    assert len(more) > len(alone) - 20
    assert float(worth(alone).max()) > float(worth(history.dags).max())


def test_unseen_keeps_the_first_of_each_function() -> None:
    dags = enumerate_space(NB201)[:200]
    kept = unseen(NB201, dags, dags[:50])
    functions = NB201.canonical_hashes(kept)
    assert len(set(functions)) == len(functions)
    assert set(functions) == set(NB201.canonical_hashes(dags)) - set(NB201.canonical_hashes(dags[:50]))


def test_targets_put_limits_before_values_and_failures_last() -> None:
    goal = Objective.single("score", limits={"cost": 3.0})
    problem = Problem(NB201, goal)
    archs = NB201.to_architectures(problem.pool[:4])
    rows = zip(archs, [5.0, 1.0, 9.0, math.nan], [1.0, 2.0, 4.0, 1.0], strict=True)
    told = [Observation.of(NB201, arch, {"score": score, "cost": cost}) for arch, score, cost in rows]
    targets = targets_of(History(NB201, goal).extended(told), torch.Generator())
    assert targets.argsort(descending=True).tolist() == [0, 1, 2, 3]


def test_targets_of_several_objectives_prefer_what_dominates_and_change_with_the_weights() -> None:
    goal = Objective((Metric("a"), Metric("b", maximise=False)), pareto=True)
    problem = Problem(NB201, goal)
    archs = NB201.to_architectures(problem.pool[:6])
    rows = zip(archs, [0.0, 1.0, 2.0, 3.0, 4.0, 0.5], [0.0, 1.0, 2.0, 3.0, 4.0, 1.5], strict=True)
    told = [Observation.of(NB201, arch, {"a": a, "b": b}) for arch, a, b in rows]
    history, rng = History(NB201, goal).extended(told), torch.Generator().manual_seed(0)
    drawn = [targets_of(history, rng) for _ in range(20)]
    assert all(float(targets[5]) < float(targets[1]) for targets in drawn)  # the last is dominated by the second
    assert len({int(targets.argmax()) for targets in drawn}) > 1


def test_robot_finds_the_weights_of_misleading_scores() -> None:
    proxies = _proxies(NB201, noise=0.1)
    proxies.values[:, 1] = -proxies.values[:, 1]  # one score says the opposite: their even mean tells nothing
    strategy = RoBoT(Problem(NB201, GOAL, proxies=proxies), 0, explore=8, weights=200)
    found = [_convolutions(arch) for arch in _run(strategy, [1] * 14)]
    assert max(found) >= 5.0


def test_evolutionary_denoising_asks_a_generation_before_the_next() -> None:
    strategy = EvolutionaryDenoising(PLAIN, 0, evolution=Evolution(population=6, generations=4))
    first = strategy.propose(1, torch.Generator())
    assert 1 <= len(first) <= 6
    strategy.tell(_observe(strategy.problem, strategy.ask(len(first))))
    later = _run(strategy, [1] * 20)
    assert sum(map(_convolutions, later)) / 20 > sum(map(_convolutions, first)) / len(first)


def test_a_model_serves_for_as_many_queries_as_it_is_told_to(monkeypatch) -> None:
    fits = []
    learn = GPSurrogate.fit

    def counted(self, extractor, seen, targets, seed):
        fits.append(len(targets))
        return learn(self, extractor, seen, targets, seed)

    monkeypatch.setattr(GPSurrogate, "fit", counted)
    strategy = BayesianOptimisation(PLAIN, 0, start=InitialDesign(4), refit=3)
    _run(strategy, [1] * 12)
    assert fits == [4, 7, 10]
    resumed = BayesianOptimisation(PLAIN, 0, start=InitialDesign(4), refit=3)
    resumed.tell(strategy.history.observations)
    assert resumed.ask(2) == strategy.ask(2)
    assert fits == [4, 7, 10, 10]
    with pytest.raises(InvalidRequest, match="refit"):
        BayesianOptimisation(PLAIN, 0, refit=0)
