"""The report in plain words: what each run did, what its numbers mean, and what they would be by chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from nag.report.runs import Run

__all__ = ["describe", "format_exact", "format_value", "sentence"]


def format_value(value: Any) -> str:
    """A metric as people read it: four significant digits, thousands apart, no trailing zeros."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not value.is_integer():
        digits = f"{value:.4g}"
        return f"{value:,.0f}" if "e+" in digits else digits
    if isinstance(value, int | float):
        return f"{int(value):,}"
    return value if isinstance(value, str) else json.dumps(value)


def format_exact(value: float) -> str:
    """A number of a table that is sorted: six significant digits."""
    return f"{value:.6g}"


def sentence(text: str) -> str:
    """A phrase with a capital letter and a full stop; nothing of nothing."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


def describe(run: Run) -> str:
    """What a run did and found, in a few sentences."""
    writer = _WRITERS.get(run.command)
    sentences = writer(run) if writer else [f"This run of 'nag {run.command}' is listed with all its metrics below."]
    return " ".join(sentence for sentence in sentences if sentence)


def _share(value: float | None) -> str:
    return "an unknown share" if value is None else f"{100 * value:.4g} %"


def _value(run: Run, key: str) -> str:
    return format_value(run.number(key))


def _train_generator(run: Run) -> list[str]:
    fraction, size = run.number("train_fraction"), run.number("space_size")
    of = (
        f" of the {format_value(size)} architectures of {run.text('search_space')}"
        if size
        else f" of {run.text('search_space')}"
    )
    whole = fraction == 1 and size is not None
    data = f"all{of}" if whole else f"{_value(run, 'train_size')}{of if size else f' architectures{of}'}"
    split = "" if fraction in {None, 1} else f" ({_share(fraction)}, split by canonical hash: twins stay on one side)"
    return [
        f"The generator was trained on {data}{split} in {_value(run, 'steps')} steps with seed {run.text('seed')};"
        f" its last loss is {_value(run, 'loss')}.",
        *_sample_quality(run, trained_on_all=whole),
    ]


def _sample_quality(run: Run, trained_on_all: bool = False) -> list[str]:
    found = []
    if run.number("validity_raw") is not None:
        many = f"Of {_value(run, 'num_raw')} raw samples" if run.number("num_raw") else "Of the raw samples"
        found.append(f"{many} {_share(run.number('validity_raw'))} are valid, before any is dropped or drawn again.")
    if run.number("uniqueness") is not None:
        found.append(f"{_share(run.number('uniqueness'))} are distinct{_beside(run, 'uniqueness')}.")
    if run.number("novelty") is not None and not trained_on_all:
        found.append(f"{_share(run.number('novelty'))} were not in the training set{_beside(run, 'novelty')}.")
    if run.number("tv_ops") is not None and run.role != "guided":
        reference = run.number("tv_ops_reference")
        beside = f"; as many uniform draws differ by {format_value(reference)}" if reference is not None else ""
        found.append(
            f"The shares of operations differ from those of the whole space by {_value(run, 'tv_ops')}"
            f" in total variation (0 is identical, 1 disjoint{beside})."
        )
    return found


def _beside(run: Run, key: str) -> str:
    reference = run.number(f"{key}_reference")
    return "" if reference is None else f" (as many uniform draws: {_share(reference)})"


def _train_predictor(run: Run) -> list[str]:
    tau, others = run.number("kendall_tau"), run.number("kendall_tau_all_other")
    beside = f"; on all that are not labelled it is {format_value(others)}" if others is not None else ""
    precision = run.number("precision_at_10pct")
    split = f" The split goes {run.text('split').rstrip('.')}." if run.text("split") else f" The seed is {run.text('seed')}."
    return [
        f"The predictor of {run.text('search_metric')} of {run.text('task')} was trained on {_value(run, 'labels_used')}"
        f" measured architectures.{split}",
        f"On architectures that it never saw, Kendall's tau between prediction and truth is {format_value(tau)}"
        f" (1 is a perfect ranking, 0 is chance){beside}.",
        f"{_share(precision)} of its predicted top 10 % are in the true top 10 % (chance: 10 %)."
        if precision is not None
        else "",
    ]


def _sample(run: Run) -> list[str]:
    many = f"{_value(run, 'num_samples')} {run.role} samples" if run.number("num_samples") else f"the {run.role} samples"
    origin = f"{run.text('search_space')}, seed {run.text('seed')}"
    if run.role == "guided":
        origin += f", guidance scale {_value(run, 'guidance_scale')}, {_value(run, 'labels_used')} labels"
    distinct = run.number("num_functionally_distinct")
    repeats = f"They are {format_value(distinct)} functionally distinct architectures." if distinct is not None else ""
    if run.number("true_percentile_mean") is None:
        return [f"{many[0].upper()}{many[1:]} were generated ({origin}).", repeats, *_sample_quality(run)]
    drawn = run.number("uniform_true_percentile_mean")
    beside = f" (those drawn here: {format_value(drawn)})" if drawn is not None else ""
    optimum = f"; the best of the table is {_value(run, 'true_optimum')}" if run.number("true_optimum") is not None else ""
    return [
        f"Of {many} ({origin}) the mean true percentile on {run.text('task')} is {_value(run, 'true_percentile_mean')};"
        f" uniform draws would give 50{beside}, the best possible is 100.",
        f"The best of them has {run.text('report_metric')} {_value(run, 'true_best')}, percentile"
        f" {_value(run, 'true_percentile_best')}{optimum}.",
        repeats,
        sentence(run.text("protocol")),
    ]


def _evaluate(run: Run) -> list[str]:
    percentile = run.number("best_percentile")
    return [
        f"{_value(run, 'count')} architectures were looked up on {run.text('task')}: mean {_value(run, 'mean')},"
        f" best {_value(run, 'best')}" + (f" (percentile {format_value(percentile)})." if percentile is not None else "."),
        sentence(run.text("protocol")),
    ]


def _quickstart(run: Run) -> list[str]:
    found = [
        f"Every stage ran once on {run.text('task')}, with {_value(run, 'labels_used')} labels and seed {run.text('seed')}."
    ]
    guided, unguided = run.number("guided_true_percentile_mean"), run.number("unguided_true_percentile_mean")
    if guided is not None and unguided is not None:
        found.append(
            f"The samples that the predictor guided have a mean true percentile of {format_value(guided)},"
            f" unguided samples {format_value(unguided)}; uniform draws would give 50, and 100 is the best."
        )
    pick = run.number("guided_pick_percentile")
    random = _first(run, "random_search_pick_percentile", "random_search_best_percentile")
    if pick is not None and random is not None:
        word = "more than" if pick > random else "less than" if pick < random else "the same as"
        found.append(
            f"If only one architecture can be trained, the guided sample that is predicted best reaches percentile"
            f" {format_value(pick)}: {word} random search, whose best labelled architecture reaches {format_value(random)}"
            " with as many labels."
        )
    return [*found, sentence(run.text("protocol")), "This is one seed; other seeds differ."]


def _first(run: Run, *keys: str) -> float | None:
    return next((value for value in map(run.number, keys) if value is not None), None)


_WRITERS: dict[str, Callable[[Run], list[str]]] = {
    "quickstart": _quickstart,
    "train-generator": _train_generator,
    "train-predictor": _train_predictor,
    "sample": _sample,
    "evaluate": _evaluate,
}
