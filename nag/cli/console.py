"""What the command line prints: help, lists and results."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from nag.core.documents import printable, shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.secrets import masked

__all__ = ["command_help", "list_known", "overview", "say", "say_comparison", "say_metrics", "warn"]


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

    table = Table(title=printable(f"{m['task']}, {m['labels_used']} labels: {m['protocol']}"))
    for column in ("architectures", "labels", "mean true percentile", "best true percentile", "best true value"):
        table.add_column(column, justify="left" if column == "architectures" else "right")

    def row(name: str, labels: int, group: str, mean: float | None = None) -> None:
        percentile, value = ("percentile", "true") if mean is None else ("true_percentile_best", "true_best")
        shown = "" if mean is None else f"{mean:.1f}"
        table.add_row(name, str(labels), shown, f"{m[f'{group}_{percentile}']:.1f}", f"{m[f'{group}_{value}']:.4g}")

    row(f"{m['num_samples']} guided samples", m["labels_used"], "guided", m["guided_true_percentile_mean"])
    row(f"{m['num_samples']} unguided samples", 0, "unguided", m["unguided_true_percentile_mean"])
    row("the one guided sample predicted best", m["labels_used"], "guided_pick")
    row("random search: best of the labelled", m["labels_used"], "random_search_pick")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def list_known(arguments: Sequence[str]) -> None:
    """Prints what there is of one kind.

    Raises:
        InvalidRequest: Not exactly one known kind is asked for.
    """
    from nag.evaluation import list_all_tasks
    from nag.spaces import space_titles

    def options(group: str) -> dict[str, str]:
        folder = resources.files("nag.conf").joinpath(group)
        files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
        first = {entry.name: entry.read_text(encoding="utf-8").splitlines()[0] for entry in files}
        return {name.removesuffix(".yaml"): line[2:] if line.startswith("# ") else "" for name, line in first.items()}

    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "spaces": space_titles,
        "tasks": list_all_tasks,
        "generators": lambda: options("generator"),
        "predictors": lambda: options("predictor"),
        "guidances": lambda: options("guidance"),
        "strategies": lambda: options("strategy"),
        "evaluators": lambda: options("evaluator"),
        "executors": lambda: options("executor"),
        "builders": lambda: options("builder"),
        "suites": lambda: options("suite"),
    }
    if len(arguments) != 1 or arguments[0] not in kinds:
        raise InvalidRequest(
            f"nag list cannot list '{' '.join(arguments)}'", did_you_mean(arguments[0] if arguments else "", kinds)
        )
    found = kinds[arguments[0]]()
    width = max(len(name) for name in found)
    for name, title in found.items():
        say(f"{name:<{width}}  {title}".rstrip())


def overview(summaries: Mapping[str, str]) -> str:
    """Help of the whole program."""
    summaries = {**summaries, "list": "list what there is: spaces, tasks, predictors, suites and more"}
    width = max(map(len, summaries))
    lines = [
        "nag generates neural architectures: graph diffusion, guided by a predictor.",
        "",
        "usage: nag COMMAND [key=value ...]      nag COMMAND --help      nag --version",
        "",
        *(f"  {name:<{width}} {summary}" for name, summary in summaries.items()),
        "",
        "Start with: nag quickstart",
    ]
    return "\n".join(lines)


def _inherited(line: str, group: str) -> str | None:
    """What a line of a preset's defaults says to a reader: parts that are presets themselves, or the preset it builds on."""
    part = re.match(r"\s*- /(\w+)@([\w.]+): (\w+)", line)
    if part:
        return f"{part[2]}: as {part[1]}={part[3]}"
    base = re.match(r"\s*- (\w+)\s*$", line)
    return f"as {group}={base[1]}, but" if group and base and base[1] != "_self_" else None


def command_help(name: str, config: str, summary: str, example: str, positional: str | None) -> str:
    """Help of one command: its options with their comments, as the configuration files have them."""
    conf = resources.files("nag.conf")

    def body(file: str) -> list[str]:
        lines = conf.joinpath(file).read_text(encoding="utf-8").splitlines()
        skip, kept = False, []
        for line in lines:
            if line and not line.startswith((" ", "-", "#")):
                skip = line.startswith(("defaults:", "hydra:"))
            inherited = _inherited(line, file.rpartition("/")[0]) if skip else None
            if inherited is not None:
                kept.append(inherited)
            if not skip and line.strip() and not line.startswith("#"):
                kept.append(re.sub(r'\{path: "?([^"}]*)"?\}', r"\1", line))
        return kept

    groups = {
        group: sorted(
            entry.name.removesuffix(".yaml") for entry in conf.joinpath(group).iterdir() if entry.name.endswith(".yaml")
        )
        for group in ("suite", "generator", "training", "finetuning", "predictor", "guidance", "objective", "tracker")
        if f"- {group}:" in conf.joinpath(f"{config}.yaml").read_text(encoding="utf-8") or group == "tracker"
    }
    usage = f"usage: nag {name} {positional.upper() + ' ' if positional else ''}[key=value ...]"
    lines = [
        f"nag {name}: {summary}",
        "",
        usage,
        "",
        "options (key: default):",
        *(f"  {line}" for line in body(f"{config}.yaml")),
    ]
    lines += ["", "options of every command:", *(f"  {line}" for line in body("base.yaml"))]
    for group, names in groups.items():
        lines += ["", f"{group}: {' | '.join(names)}   (choose with {group}=NAME, change with {group}.key=value)"]
        chosen = re.search(rf"- {group}: (\w+)", conf.joinpath(f"{config}.yaml").read_text(encoding="utf-8"))
        lines += [f"  {line}" for line in body(f"{group}/{chosen[1] if chosen else 'default'}.yaml")]
    return "\n".join([*lines, "", "example:", f"  {example}"])
