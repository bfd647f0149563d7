"""The stored evaluator: one trial a function, whatever it is called and however often it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from nag.core.errors import InvalidArchitecture
from nag.core.progress import ignore_progress
from nag.evaluation import load_training_task
from nag.evaluation.trials.trial import Measurement
from nag.execution.executors import LocalExecutor
from nag.execution.store import EvaluationStore
from nag.execution.stored_evaluator import StoredEvaluator

TASK = load_training_task("digits/nasbench201")
SPACE = TASK.space
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|"
TWIN = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|"
OTHER = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
BROKEN = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@dataclass(frozen=True)
class Counting:
    """Notes each run in a file; what leads nowhere cannot be measured."""

    log: str
    fingerprint: str = "counting"

    def run(self, arch, seed, on_progress=ignore_progress):
        with Path(self.log).open("a") as file:
            file.write(f"{seed}\n")
        if "nor_conv_3x3" not in arch.ops:
            raise InvalidArchitecture("no signal", "Take another.")
        return Measurement(
            sum(map(ord, "".join(arch.ops))) + seed, float(seed), {"ops": len(arch.ops)}, [{"loss": 1.0}], 1, 0.5
        )


def one_for_all(space, asked):
    return ["all"] * len(asked)


@pytest.fixture
def make(tmp_path):
    def evaluator(**options):
        store = EvaluationStore(tmp_path / "store.db")
        trial = Counting(str(tmp_path / "log"), options.pop("fingerprint", "counting"))
        return StoredEvaluator(TASK, trial, store, LocalExecutor(workers=1), **options)

    return evaluator


def runs(tmp_path) -> int:
    return len((tmp_path / "log").read_text().splitlines())


def archs(*names):
    return [SPACE.decode(name) for name in names]


def test_answers_come_in_order_and_tell_what_they_cost(make):
    other, cell = make(seed=3).evaluate(archs(OTHER, CELL))
    assert SPACE.encode(other.architecture) == OTHER
    assert other.search_value == sum(map(ord, "".join(other.architecture.ops))) + 3 != cell.search_value
    assert (other.report_value, other.percentile, other.epochs, other.cpu_seconds) == (3.0, None, 1, 0.5)
    assert other.side == {"ops": 8.0}
    assert list(other.curve) == [{"loss": 1.0}]
    assert make().evaluate([]) == []


def test_functional_twins_share_one_trial(make, tmp_path):
    assert len(set(SPACE.canonical_hashes(SPACE.to_dags(archs(CELL, TWIN))))) == 1
    cell, twin, other = make().evaluate(archs(CELL, TWIN, OTHER))
    assert runs(tmp_path) == 2
    assert (cell.reused, twin.reused, other.reused) == (False, True, False)
    assert cell.search_value == twin.search_value
    assert twin.architecture != cell.architecture


def test_nothing_is_measured_twice_by_another_evaluator_of_the_same_store(make, tmp_path):
    first = make().evaluate(archs(CELL, OTHER))
    again = make().evaluate(archs(OTHER, TWIN))
    assert runs(tmp_path) == 2
    assert [e.search_value for e in again] == [e.search_value for e in first[::-1]]
    assert all(e.reused for e in again)


def test_another_seed_or_another_way_to_measure_is_another_measurement(make, tmp_path):
    make().evaluate(archs(CELL))
    make(seed=1).evaluate(archs(CELL))
    make(fingerprint="other").evaluate(archs(CELL))
    assert runs(tmp_path) == 3


def test_what_fails_has_a_reason_and_no_values_and_stops_nobody(make):
    broken, cell = make().evaluate(archs(BROKEN, CELL))
    assert broken.error == "no signal. Take another."
    assert (broken.search_value, broken.report_value, broken.side) == (None, None, {})
    assert cell.error == ""


def test_the_caller_says_which_functions_are_one(make, tmp_path):
    evaluator = make(functions=one_for_all)
    assert [e.reused for e in evaluator.evaluate(archs(CELL, OTHER))] == [False, True]
    assert runs(tmp_path) == 1
