"""Sections of the report on searches: one that compares all searches of a task, and one for each search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nag.report.drawings import drawing_of
from nag.report.exports import export_command
from nag.report.histories import Search, SearchQuery
from nag.report.importance import choices_of, shares_of
from nag.report.search_figures import choices_figure, front_figure, progress_figure, rank_figure
from nag.report.sections import Card, Figure, Section
from nag.report.text import format_exact, format_value

__all__ = ["comparison_section", "query_card", "search_section"]

_CARDS = 6
_MOST_ROWS = 400
_LONGEST = 120  # characters of an architecture in the table
_MOST_FRONTS = 4


def comparison_section(searches: Sequence[Search], progress: bool = True) -> Section:
    """All searches of one task: progress by query and by cost, rank in the table, and a table of results.

    Args:
        searches: Searches of one task and search metric.
        progress: Whether to show the progress by query, which may stand at the head of the page.
    """
    first = searches[0]
    shown = [Figure.of(progress_figure(searches), progress_caption(searches))] if progress else []
    if any(search.queries and search.queries[-1].cost > 0 for search in searches):
        caption = "The same by cost: seconds on CPU and accelerator that the measurements took."
        shown.append(Figure.of(progress_figure(searches, by_cost=True), caption))
    rank = rank_figure(searches)
    if rank is not None:
        caption = "How much of the table is better than the best found so far (log scale). The dashed line is the uniform"
        shown.append(Figure.of(rank, f"{caption} reference: what the best of as many uniform draws would reach on average."))
    lead = "" if rank is not None else "No table is known for this task, so there is no uniform reference; a search with"
    lead += "" if rank is not None else " strategy=random gives one."
    columns = (
        "search",
        "queries",
        "feasible",
        f"best {first.metric}",
        f"best {first.run.text('report_metric')}",
        "regret",
        "seconds",
    )
    return Section(f"The searches on {first.run.text('task')}", lead, columns, [_line(search) for search in searches], shown)


def progress_caption(searches: Sequence[Search]) -> str:
    """What the figure of progress shows."""
    limits = " that keeps the limits" if any(search.objective.limits for search in searches) else ""
    apart = " Crosses break a limit." if any(not query.feasible for search in searches for query in search.measured) else ""
    return f"Each dot is a query; the line is the best so far{limits}.{apart}"


def _line(search: Search) -> list[str]:
    best = search.ranked[0] if search.ranked else None
    seconds = search.queries[-1].cost if search.queries else 0.0
    values = (None, None) if best is None else (best.row.search_value, best.row.report_value)
    feasible = sum(query.feasible for query in search.queries)
    regret = search.run.number("regret")
    numbers = [len(search.queries), feasible, *values, regret, round(seconds, 1)]
    return [search.name, *("–" if number is None else format_exact(number) for number in numbers)]


def search_section(search: Search, searches: int = 1) -> Section:
    """What one search found: trade-offs, importance of choices, the best architectures and the table of its queries.

    Args:
        search: The search.
        searches: How many there are on the page; of many, each shows less.
    """
    most_rows = max(_MOST_ROWS // searches, 20)
    shown = [*_trade_offs(search, searches), *_importance(search)]
    cards = [
        query_card(search, query, f"#{place} by {search.metric}")
        for place, query in enumerate(search.ranked[: min(_CARDS // searches, 3) or 1], 1)
    ]
    columns, rows = _table(search, most_rows)
    run = search.run
    lead = f"{run.text('strategy')} on {run.text('task')}, {run.text('protocol')}: {', '.join(_told(search))}."
    section = Section(f"What did the search {run.name} find?", lead, columns, rows, shown, cards)
    return replace(section, sortable=True, note=_note(search, most_rows))


def _told(search: Search) -> list[str]:
    """Numbers of the search, in words; missing numbers are mentioned too."""
    run, report = search.run, search.run.text("report_metric")
    names = (("queries", "queries"), ("best_report_metric", f"best {report}"), ("regret", "regret"))
    words = [f"{name} {format_value(value)}" for key, name in names if (value := run.number(key)) is not None]
    if search.objective.limits:
        limits = ", ".join(f"{metric} {limit}" for metric, limit in search.objective.limits.items())
        words.append(f"{sum(query.feasible for query in search.queries)} queries kept the limits ({limits})")
    if run.metrics.get("best_arch") is not None and run.number("best_report_metric") is None:
        words.append(f"{report} of the best was not measured")
    return words or ["no numbers"]


def _trade_offs(search: Search, searches: int) -> list[Figure]:
    """One figure for each further objective, and for each limited metric that is none."""
    found = []
    objectives = {side.name: side for side in search.objective.metrics[1:]}
    for name in list(dict.fromkeys([*objectives, *search.objective.limits]))[:_MOST_FRONTS]:
        if name != search.metric and any(name in query.side for query in search.measured):
            joined = "; queries joined by the line are dominated by no other" if name in objectives else ""
            caption = f"The {search.metric} against {name}{joined}."
            found.append(Figure.of(front_figure(search, objectives.get(name, name), searches), caption))
    return found


def _importance(search: Search) -> list[Figure]:
    queries = search.measured
    choices = choices_of(queries)
    if not choices:
        return []
    first = [f"node {position} {100 * share:.0f} %" for position, share in shares_of(choices, queries)[:3]]
    shares = f" Shares of the variance: {', '.join(first)}." if first else ""
    caption = (
        f"Importance of the choices: mean {search.metric} of the queries with an operation at a position, against all"
        f" queries; larger squares are more queries.{shares} A strategy's queries are no random sample."
    )
    return [Figure.of(choices_figure(choices, search.metric), caption)]


def _table(search: Search, most: int) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the queries: the best first, then those that break a limit or failed."""
    sides = list(dict.fromkeys(name for query in search.queries for name in query.side))[:8]
    report = search.run.text("report_metric") or "report metric"
    reports = [] if report == search.metric else [report]
    columns = ["architecture", "query", search.metric, *reports, *sides, "state", "seconds"]
    others = [query for query in search.queries if not query.feasible]
    rows = []
    for query in [*search.ranked, *others][:most]:
        row = query.row
        state = "failed" if row.search_value is None else "feasible" if query.feasible else "breaks a limit"
        numbers = [row.query, row.search_value, *([row.report_value] if reports else []), *map(query.side.get, sides)]
        shown = ["–" if number is None else format_exact(number) for number in numbers]
        arch = row.arch if len(row.arch) <= _LONGEST else f"{row.arch[:_LONGEST]}…"
        rows.append([arch, *shown, state, format_exact(round(row.cpu_seconds + row.gpu_seconds, 3))])
    return columns, rows


def _note(search: Search, most: int) -> str:
    hidden = len(search.queries) - most
    cut = f"The first {most} of {len(search.queries):,} queries, the best first. " if hidden > 0 else ""
    return f"{cut}Click a column's name to sort."


def query_card(search: Search, query: SearchQuery, heading: str) -> Card:
    """A card with all metrics of a query, the limits that it keeps, and the command that exports it."""
    row, report = query.row, search.run.text("report_metric")
    values = {search.metric: row.search_value, **({report: row.report_value} if report else {}), **query.side}
    properties = [(name, format_value(value)) for name, value in values.items() if value is not None]
    if row.percentile is not None:
        properties.append(("percentile in the table", format_value(row.percentile)))
    properties.append(("query", format_value(row.query)))
    measured = {**query.side, search.metric: row.search_value}
    limits = [
        (f"{name} {limit}", f"{format_value(measured.get(name))}, {'kept' if query.feasible else 'not all kept'}")
        for name, limit in search.objective.limits.items()
    ]
    card = Card(heading, "", query.architecture, row.arch, properties, drawing_of(query.architecture))
    return replace(card, limits=limits, command=export_command(search.run, row.arch))
