"""The head of the report: what won, by how much, and the winner's card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from nag.report.cards import sample_card
from nag.report.histories import Search
from nag.report.rows import SampleRow
from nag.report.runs import Run
from nag.report.search_figures import progress_figure
from nag.report.searches import progress_caption, query_card
from nag.report.sections import Card, Figure, Samples, Section, name_of
from nag.report.text import format_exact, format_value
from nag.tasks import Metric

__all__ = ["Headline", "headline_of", "without_hero"]


@dataclass(frozen=True)
class Headline:
    """What stands first on the page.

    Args:
        text: What won and by how much, in one sentence.
        detail: Reliability of the comparison, in one or two.
        figure: The figure that shows it.
        card: The winner.
    """

    text: str
    detail: str = ""
    figure: Figure | None = None
    card: Card | None = None


def headline_of(
    runs: Sequence[Run], samples: Samples, searches: Sequence[Search], sections: Sequence[Section]
) -> Headline | None:
    """The headline of the first kind of run that there is: quickstart, searches, guided samples, evaluations, samples.

    Its figure is that of the searches, or else the first of the sections.
    """
    quickstart = next((run for run in runs if run.command == "quickstart"), None)
    figure = next((figure for section in sections for figure in section.figures), None)
    found = None
    if quickstart is not None:
        found = _of_quickstart(quickstart, runs, samples)
    elif searches:
        return _of_searches(searches)
    else:
        order = sorted(samples, key=lambda path: next(run.role for run in runs if run.path == path) != "guided")
        found = next((made for path in order if (made := _of_samples(path, runs, samples)) is not None), None)
    return None if found is None else replace(found, figure=figure)


def without_hero(sections: Sequence[Section], figure: Figure | None) -> list[Section]:
    """The sections without the figure that stands in the head, where it came from one of them."""
    return [replace(section, figures=[one for one in section.figures if one is not figure]) for section in sections]


def _of_quickstart(run: Run, runs: Sequence[Run], samples: Samples) -> Headline | None:
    guided, random = run.number("guided_pick_percentile"), run.number("random_search_pick_percentile")
    if guided is None or random is None:
        return None
    subject = "The guided sample that was picked"
    gap = guided - random
    verdict = f"{format_value(abs(gap))} points {'above' if gap > 0 else 'below'}" if gap else "exactly at"
    text = (
        f"{subject} is better than {guided:.4g} % of all architectures on {run.text('task')}:"
        f" {verdict} random search ({random:.4g} %)."
    )
    mean = run.number("guided_true_percentile_mean")
    average = f" Guided samples are on average better than {mean:.4g} %, uniform draws than 50 %." if mean is not None else ""
    detail = f"Both used {format_value(run.number('labels_used'))} labels.{average} One seed; other seeds differ."
    own = next((other for other in runs if other.role == "guided" and other.path in samples), None)
    row = None
    if own is not None:
        row = next((row for row in samples[own.path] if row.arch == run.text("guided_pick")), None)
    card = None if row is None or own is None else sample_card(own, row, "The guided sample that was picked")
    return Headline(text, detail, card=card)


def _of_searches(searches: Sequence[Search]) -> Headline:
    first = searches[0]
    same = [search for search in searches if _subject(search) == _subject(first)]
    figure = Figure.of(progress_figure(same), progress_caption(same)) if any(search.measured for search in same) else None
    order = sorted((search for search in same if search.ranked), key=lambda search: -first.utility(search.ranked[0].value))
    task = first.run.text("task")
    if not order:
        limits = ", ".join(f"{metric} {limit}" for metric, limit in first.objective.limits.items())
        why = f"no query kept the limits ({limits})" if limits else "no query was measured"
        return Headline(f"Nothing won on {task}: {why}.", figure=figure)
    winner, best = order[0], order[0].ranked[0]
    text = f"{winner.name} found {winner.metric} {format_exact(best.value)} on {task}"
    text += f", {_lead(winner, order[1])}." if len(order) > 1 else f", {_above_median(winner)}."
    return Headline(text, _worth(winner, best.row.percentile), figure, query_card(winner, best, "The winner"))


def _subject(search: Search) -> tuple[str, str]:
    return search.run.text("task"), search.metric


def _lead(winner: Search, second: Search) -> str:
    gap = winner.utility(winner.ranked[0].value - second.ranked[0].value)
    queries = (len(winner.queries), len(second.queries))
    spent = f"{queries[0]} queries each" if len(set(queries)) == 1 else f"{queries[0]} queries against {queries[1]}"
    return f"{format_value(gap)} better than {second.name} ({spent})" if gap > 0 else f"as good as {second.name} ({spent})"


def _above_median(search: Search) -> str:
    middle = median(query.value for query in search.ranked)
    gap = abs(search.ranked[0].value - middle)
    return f"{format_value(gap)} better than the median of its {len(search.ranked)} feasible queries"


def _worth(search: Search, percentile: float | None) -> str:
    queries = len(search.queries)
    found = []
    if percentile is not None:
        found.append(
            f"It is better than {format_value(percentile)} % of the table; the best of {queries} uniform draws would be better"
            f" than {format_value(round(100 * queries / (queries + 1), 2))} % on average."
        )
    regret = search.run.number("regret")
    if regret is not None:
        found.append(f"Regret to the best of the table: {format_value(regret)}.")
    return " ".join([*found, "One run a strategy; other seeds differ."])


def _of_samples(path: object, runs: Sequence[Run], samples: Samples) -> Headline | None:
    run = next(run for run in runs if run.path == path)
    known = [row for row in samples[run.path] if row.report_value is not None and row.percentile is not None]
    word = name_of(run, runs)
    if not known:
        return _of_measured(run, samples[run.path], word)
    best = max(known, key=lambda row: row.percentile or 0.0)
    mean = sum(row.percentile or 0.0 for row in known) / len(known)
    text = (
        f"The {word} architectures are on average better than {mean:.4g} % of all on {run.text('task')};"
        f" uniform draws, than 50 %."
    )
    detail = f"The best of the {len(known)} is at percentile {format_value(best.percentile)}: a choice with hindsight."
    return Headline(text, detail, card=sample_card(run, best, f"The best of the {word} architectures"))


def _of_measured(run: Run, rows: Sequence[SampleRow], word: str) -> Headline | None:
    known = [row for row in rows if row.report_value is not None]
    if not known:
        return None
    metric = Metric("value", run.metrics.get("maximise") is not False)
    values = {row.arch: row.search_value if row.search_value is not None else row.report_value or 0.0 for row in known}
    best = max(known, key=lambda row: metric.utility(values[row.arch]))
    middle = median(row.report_value or 0.0 for row in known)
    name = run.text("report_metric") or "value"
    text = f"The best of {len(known)} {word} architectures has {name} {format_value(best.report_value)}"
    return Headline(f"{text}; the median is {format_value(middle)}.", card=sample_card(run, best, "The best"))
