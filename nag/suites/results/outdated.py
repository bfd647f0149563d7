"""Outdated results: the fixes of each version, and the rows that they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["FIXES", "MARK", "Fix", "fixes_of", "is_older"]

MARK = "†"
"""Suffix of outdated versions."""

_NETWORKS = "default,gnn,transformer,proxies,undirected,squared,hinge,listwise,pretrained"
_STEERED = "percentile_*,search_percentile_mean,true_*,regret,functional_uniqueness"
_RANKED = "kendall_tau*,spearman,precision_at_10pct,tau_ceiling"


@dataclass(frozen=True)
class Fix:
    """A fix that changed the results of suites.

    Args:
        version: The first version with it.
        what: What changed.
        reaches: Suite -> the rows that it changes: patterns of methods, and of metrics, each separated by commas.
    """

    version: str
    what: str
    reaches: Mapping[str, tuple[str, str]]

    def reaches_row(self, row: Mapping[str, Any]) -> bool:
        """Whether a row was measured before the fix and is changed by it."""
        patterns = self.reaches.get(str(row["suite"]))
        if patterns is None or not is_older(str(row.get("version", "0.1.0")), self.version):
            return False
        return all(
            any(fnmatchcase(str(row[name]), each) for each in pattern.split(","))
            for name, pattern in zip(("method", "metric"), patterns, strict=True)
        )


FIXES = (
    Fix(
        "0.1.1",
        "a canonical hash has one value, the mean of its rows, so that percentiles, regrets and correlations move slightly",
        {
            "guidance": ("*", _STEERED),
            "peers": ("*", _STEERED),
            "limits": ("*", "kept,best,optimum,gap,mean,hypervolume_*,front_size"),
            "extrapolation": ("*", "*_mean,*_best,*_beyond,ceiling,best_found,random_best,beyond_ceiling"),
            "predictor": ("*", _RANKED),
            "calibration": ("*", "coverage*,width*,fdp*,power,selected,empty"),
            "transfer": ("*", "kendall_tau,spearman,*percentile,regret"),
            "proxies": ("*", "spearman,kendall_tau,spearman_top"),
            "search": ("*", "*regret_*,queries_to_*,reached_optimum,best_value,hypervolume_*,front_found"),
        },
    ),
    Fix(
        "0.1.1",
        "step sizes of network predictors fall to zero",
        {
            "guidance": ("*", _STEERED),
            "peers": ("*", _STEERED),
            "limits": ("*", "kept,best,gap,mean,returned,hypervolume_*,front_size"),
            "predictor": (_NETWORKS, _RANKED),
            "calibration": ("*", "coverage*,width*,fdp*,power,selected,empty"),
            "transfer": ("the same labels from scratch", "guided_*"),
            "search": ("bananas", "*regret_*,queries_to_*,reached_optimum,best_value"),
        },
    ),
    Fix(
        "0.1.1",
        "twisted particles are one population, weighted and resampled together",
        {"guidance": ("particles", f"{_STEERED},validity")},
    ),
    Fix(
        "0.1.1",
        "episodes of meta-predictors draw labels and queries without replacement",
        {
            "transfer": ("meta-predictor*", "kendall_tau,spearman,*percentile,regret"),
            "search": ("*labels of*", "*regret_*,queries_to_*,reached_optimum,best_value"),
        },
    ),
    Fix(
        "0.1.1",
        "acquisition functions use the standard deviation of the function, not of a measurement",
        {"search": ("bananas", "*regret_*,queries_to_*,reached_optimum,best_value")},
    ),
    Fix("0.1.1", "precision at 10 % under ties is an expectation", {"predictor": ("*", "precision_at_10pct")}),
    Fix(
        "0.1.1",
        "an infinite training-free score is the worst, regardless of its sign",
        {"proxies": ("*", "spearman*,kendall_tau")},
    ),
    Fix(
        "0.1.1",
        "distances of generated large graphs are those of all samples, trained in epochs",
        {"scale": ("*", "validity_raw,uniqueness,novelty,tv_*,w1_*")},
    ),
)
"""From the changelog, section "Numbers that changed, and why", without those that change timings only."""


def fixes_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The fixes since some rows were measured that change them, each once, with the version.

    Args:
        rows: Rows of `results.json`.
    """
    kept = list(rows)
    return [f"{fix.what} ({fix.version})" for fix in FIXES if any(map(fix.reaches_row, kept))]


def is_older(version: str, than: str) -> bool:
    """Whether a version precedes another.

    Example:
        >>> is_older("0.1.9", "0.1.10"), is_older("0.2.0", "0.1.1")
        (True, False)
    """
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
