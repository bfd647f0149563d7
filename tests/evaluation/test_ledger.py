from __future__ import annotations

import time

from nag.evaluation import Ledger, Stopwatch


def test_ledgers_add_up_entry_by_entry():
    first = Ledger(labels_used=3, network_evaluations=10, predictor_evaluations=7, train_cpu_seconds=1.5)
    second = Ledger(labels_used=1, train_cpu_seconds=0.25)
    total = first + second
    assert total == Ledger(4, 0, 10, 7, 1.75)
    assert total == second + first
    assert first + Ledger() == first
    assert total.as_metrics() == {
        "labels_used": 4,
        "labels_of_other_tasks": 0,
        "network_evaluations": 10,
        "predictor_evaluations": 7,
        "train_cpu_seconds": 1.75,
    }


def test_stopwatch_tells_work_from_waiting():
    watch = Stopwatch()
    time.sleep(0.2)
    waited_cpu, waited_wall = watch.cpu, watch.wall
    assert waited_wall >= 0.2
    assert waited_cpu < 0.15
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass
    assert watch.cpu - waited_cpu >= 0.19
    assert watch.wall >= watch.cpu - 0.05
