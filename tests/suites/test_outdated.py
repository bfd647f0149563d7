"""Results that a later version would not give are told apart."""

from __future__ import annotations

import pytest

from nag.suites import Row
from nag.suites.results.outdated import FIXES, fixes_of, is_older


def row(suite: str, method: str, metric: str, version: str = "0.1.0") -> dict[str, object]:
    return vars(Row(suite, "space", "task", method, "", metric, 1.0, None, 1, 0, 1.0, version))


@pytest.mark.parametrize(
    ("suite", "method", "metric", "words"),
    [
        ("guidance", "particles", "percentile_mean", ["one population", "one value", "step sizes"]),
        ("guidance", "default", "percentile_mean", ["one value", "step sizes"]),
        ("guidance", "default", "sampling_cpu_seconds", []),
        ("predictor", "gp", "kendall_tau", ["one value"]),
        ("predictor", "gnn", "precision_at_10pct", ["one value", "step sizes", "ties"]),
        ("predictor", "gp", "fit_cpu_seconds", []),
        ("search", "bananas", "regret_50", ["acquisition", "one value", "step sizes"]),
        ("search", "default, 500 labels of nasbench201/cifar10", "regret_50", ["without replacement", "one value"]),
        ("generation", "absorbing", "validity_raw", []),
        ("store", "sqlite", "seconds", []),
    ],
)
def test_the_fixes_that_reach_a_row_of_the_first_version(suite, method, metric, words):
    found = fixes_of([row(suite, method, metric)])
    assert len(found) == len(words)
    assert all(any(word in text for text in found) for word in words)
    assert fixes_of([row(suite, method, metric, version="0.1.1")]) == []


def test_rows_that_do_not_say_their_version_are_of_the_first():
    old = row("guidance", "default", "percentile_mean")
    assert fixes_of([{name: value for name, value in old.items() if name != "version"}]) == fixes_of([old]) != []


def test_fixes_name_suites_that_there_are():
    from nag.cli.groups import members

    assert {suite for fix in FIXES for suite in fix.reaches} <= set(members("suite"))


def test_versions_are_compared_by_number():
    assert is_older("0.1.9", "0.1.10")
    assert not is_older("0.2.0", "0.1.1")
    assert not is_older("0.1.1", "0.1.1")
