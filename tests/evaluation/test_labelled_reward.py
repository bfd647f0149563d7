"""Every label is counted once, and the report metric stays unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.evaluation import Evaluation, TableEvaluator
from nag.evaluation.scores.labelled_reward import LabelledReward
from nag.spaces import enumerate_space, space_from_mapping
from nag.tasks import BenchmarkTable, Task


@pytest.fixture(scope="module")
def space():
    return space_from_mapping(
        {
            "name": "chain",
            "operations": {"conv": "parametric", "pool": "parametric", "skip": "identity"},
            "nodes": [3, 5],
            "edges": "free",
            "constraints": {"all_nodes_on_a_path": True},
        }
    )


@pytest.fixture(scope="module")
def task(space):
    every = enumerate_space(space)
    noise = np.random.default_rng(0)
    metrics = {"valid": noise.random(len(every)), "test": noise.random(len(every))}
    return Task(space, BenchmarkTable("chain", space, every, metrics), "valid", "test", name="chain/toy")


class Counting:
    """The table's values, with every report value replaced by one that would be noticed, and a count of what is asked."""

    def __init__(self, task: Task, report: float | None = float("nan")) -> None:
        self.inner, self.report = TableEvaluator(task), report
        self.asked: list[str] = []

    def evaluate(self, archs) -> list[Evaluation]:
        found = self.inner.evaluate(archs)
        self.asked += [evaluation.canonical_hash for evaluation in found]
        return [replace(evaluation, report_value=self.report, percentile=self.report) for evaluation in found]


def draw(task: Task, count: int, seed: int):
    return task.table.dags[torch.randint(len(task.table), (count,), generator=torch.Generator().manual_seed(seed))]


def test_twins_are_charged_once_and_share_a_value(task):
    every = task.table.dags
    hashes = task.table.space.canonical_hashes(every)
    evaluator = Counting(task)
    reward = LabelledReward(task, evaluator)
    values = reward(every)
    assert len(set(hashes)) < len(hashes)
    assert reward.labels_used == len(set(hashes)) == len(evaluator.asked) == len(set(evaluator.asked))
    first: dict[str, float] = {}
    for digest, value, own in zip(hashes, values.tolist(), task.search_values, strict=True):
        assert value == first.setdefault(digest, own)
    assert torch.equal(reward(every.__getitem__(slice(None))), values)
    assert reward.labels_used == len(evaluator.asked)
    assert reward.as_ledger().labels_used == reward.labels_used


def test_the_budget_is_kept_to_the_label_and_known_ones_stay_free(task):
    reward = LabelledReward(task, Counting(task), 25)
    batches = [draw(task, 10, seed) for seed in range(8)]
    found = [reward(dags) for dags in batches]
    assert reward.spent
    assert reward.labels_used == 25
    assert bool(found[0].isfinite().all())
    assert bool(found[-1].isnan().any())
    again = reward(batches[0])
    assert torch.equal(again, found[0])
    assert reward.labels_used == 25
    archs, values = reward.labelled()
    assert len(archs) == len(values) == 25
    assert reward.best() == max(zip(archs, values, strict=True), key=lambda pair: pair[1])


def test_a_batch_beyond_the_budget_is_bought_in_order(task):
    dags = task.table.dags
    hashes = task.table.space.canonical_hashes(dags)
    values = LabelledReward(task, Counting(task), 3)(dags)
    bought = list(dict.fromkeys(hashes))[:3]
    assert values.isfinite().tolist() == [digest in bought for digest in hashes]


def test_the_report_metric_is_never_used(task):
    dags = draw(task, 30, 1)
    outcomes = []
    for report in (float("nan"), None, 1e9):
        reward = LabelledReward(task, Counting(task, report), 20)
        outcomes.append((reward(dags), reward.labelled(), reward.best(), reward.labels_used))
    for values, *rest in outcomes[1:]:
        assert torch.equal(values.nan_to_num(-1), outcomes[0][0].nan_to_num(-1))
        assert rest == list(outcomes[0][1:])


def test_higher_is_better_whichever_way_the_task_goes(task):
    dags = draw(task, 12, 2)
    up, down = (LabelledReward(t, TableEvaluator(t)) for t in (task, replace(task, maximise=False)))
    assert torch.equal(up(dags), -down(dags))
    assert up.labelled() == down.labelled()
    assert down.best()[1] == min(down.labelled()[1])


def test_what_is_invalid_or_unknown_has_no_value_and_no_cost(task, space):
    half = task.table.dags[::2]
    known = set(space.canonical_hashes(half))
    partial = Task(space, BenchmarkTable("half", space, half, {"m": np.arange(float(len(half)))}), "m", "m")
    dags = task.table.dags
    reward = LabelledReward(partial, TableEvaluator(partial), len(known))
    values = reward(dags)
    assert values.isfinite().tolist() == [digest in known for digest in space.canonical_hashes(dags)]
    assert 0 < len(known) == reward.labels_used < len(set(space.canonical_hashes(dags)))
    broken = replace(dags[-4:], adjacency=torch.zeros_like(dags[-4:].adjacency))
    assert not bool(space.is_valid(broken).any())
    assert bool(LabelledReward(task, TableEvaluator(task))(broken).isnan().all())


@pytest.mark.parametrize("budget", [0, -5])
def test_a_budget_of_nothing_is_refused(task, budget):
    with pytest.raises(InvalidRequest, match=str(budget)):
        LabelledReward(task, TableEvaluator(task), budget)
