"""What the command line prints: lines, warnings and results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nag.core.documents import printable, shortened
from nag.core.secrets import masked

__all__ = ["say", "say_comparison", "say_metrics", "warn"]


_LONGEST = 480  # characters of a warning


def say(text: str) -> None:
    """Prints a text, without secrets and without signs that a terminal would obey."""
    print(printable(masked(text)), flush=True)


def warn(text: str) -> None:
    """Prints a warning of one line."""
    print(f"warning: {shortened(masked(text), _LONGEST)}.", file=sys.stderr, flush=True)


def say_metrics(path: Path, names: Sequence[str]) -> None:
    """Prints some metrics of a run, each beside its reference."""
    from nag.core.documents import read_json

    metrics = read_json(path / "metrics.json")
    for name in names:
        if metrics.get(name) is not None:
            reference = metrics.get(f"{name}_reference")
            value = f"{metrics[name]:.4g}" if isinstance(metrics[name], float) else str(metrics[name])
            say(f"{name:>30}  {value}" + (f"  (uniform draws: {reference:.4g})" if reference is not None else ""))


def say_comparison(m: dict[str, Any]) -> None:
    """Prints the table of the quickstart."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=printable(f"{m['task']}, {m['labels_used']} labels, seed {m['seed']}: {m['protocol']}"))
    for column in ("architectures", "labels", "mean true percentile", "best true percentile", "best true value"):
        table.add_column(column, justify="left" if column == "architectures" else "right")

    def row(name: str, labels: int, group: str, mean: float | None = None) -> None:
        percentile, value = ("percentile", "true") if mean is None else ("true_percentile_best", "true_best")
        shown = "" if mean is None else f"{mean:.1f}"
        table.add_row(name, str(labels), shown, f"{m[f'{group}_{percentile}']:.1f}", f"{m[f'{group}_{value}']:.4g}")

    row(f"{m['num_samples']} guided samples", m["labels_used"], "guided", m["guided_true_percentile_mean"])
    row(f"{m['num_samples']} unguided samples", 0, "unguided", m["unguided_true_percentile_mean"])
    table.add_row("uniform draws", "0", f"{m['uniform_true_percentile_mean']:.1f}", "", "")
    row("the one guided sample predicted best", m["labels_used"], "guided_pick")
    row("random search: best of the labelled", m["labels_used"], "random_search_pick")
    Console(width=None if sys.stdout.isatty() else 120).print(table)
