"""What a table says of samples: the best that is named keeps the limits (W1)."""

from __future__ import annotations

import numpy as np
import pytest

from nag.evaluation import TableEvaluator
from nag.spaces import sample_uniform
from nag.tasks import Limit, load_task
from nag.workflows.sampling.sample_truth import benchmark_metrics


@pytest.fixture(scope="module")
def looked_up():
    task = load_task("nas_bench_graph/arxiv")
    return task, TableEvaluator(task).evaluate(task.space.to_architectures(sample_uniform(task.space, 30, 1)))


def test_the_best_sample_truly_keeps_the_limits(looked_up):
    task, found = looked_up
    best = max(found, key=lambda each: each.report_value)
    limit = Limit(max=float(np.nextafter(best.side["params_m"], 0)))
    kept = [each for each in found if each.side["params_m"] <= limit.max]
    told = benchmark_metrics(task, found, found, {"params_m": limit, "depth": Limit(max=1)})
    assert told["true_best"] == told["uniform_true_best"] == max(each.report_value for each in kept) < best.report_value
    assert told["true_percentile_best"] == max(each.percentile for each in kept)
    assert told["true_feasible"] == len(kept)
    free = benchmark_metrics(task, found, [], {})
    assert (free["true_best"], free["true_percentile_best"]) == (best.report_value, best.percentile)
    assert "true_feasible" not in free


def test_where_no_sample_keeps_them_there_is_no_best(looked_up):
    task, found = looked_up
    told = benchmark_metrics(task, found, [], {"params_m": Limit(max=0.0)})
    assert (told["true_best"], told["true_percentile_best"], told["true_feasible"]) == (None, None, 0)
    assert told["true_mean"] > 0
