"""The page `results.md`: a table for each space and task, methods as rows, metrics as columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial

from nag import __version__
from nag.suites.rows import Row
from nag.suites.suite import Baseline, Column, Table

__all__ = ["results_page"]

_Group = Mapping[tuple[str, str], Mapping[str, Row]]  # (method, setting) -> metric -> row
_Cell = Callable[[str, str, Mapping[str, Row]], str]  # method, setting and their rows -> what a column shows


def results_page(title: str, header: Mapping[str, str], protocol: str, tables: Sequence[Table], rows: Sequence[Row]) -> str:
    """The page.

    Args:
        title: Its heading.
        header: Facts about the run, by name.
        protocol: How the numbers come about.
        tables: What to show.
        rows: All rows.
    """
    parts = [f"# {title}", "\n".join(f"- {name}: {text}" for name, text in header.items()), protocol]
    parts.append("Numbers are mean ± sample standard deviation over the seeds; a dash stands for what was not measured.")
    for space, task in dict.fromkeys((row.space, row.task) for row in rows):
        here = [row for row in rows if (row.space, row.task) == (space, task)]
        for table in tables:
            text = _table(table, here)
            if text:
                parts.append(f"## {task or space}: {table.title}")
                parts.append(text)
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: Table, rows: Sequence[Row]) -> str:
    """One Markdown table, or nothing where no row has a metric of it."""
    shown = _groups(table, rows)
    if not shown:
        return ""
    columns = _columns(table, shown)
    titles = [title for title, _ in columns]
    aligned = ["---" if title in ("method", "setting") else "---:" for title in titles]
    baselines = _baseline_lines(table, shown, "setting" in titles, len(titles))
    lines = [titles, aligned, *baselines, *([cell(*key, found) for _, cell in columns] for key, found in shown.items())]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


def _groups(table: Table, rows: Sequence[Row]) -> _Group:
    """Method and setting -> metric -> row, of those that have a metric of the table."""
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if any(fnmatchcase(row.setting, pattern) for pattern in table.settings):
            groups.setdefault((row.method, row.setting), {})[row.metric] = row
    return {key: found for key, found in groups.items() if any(column.metric in found for column in table.columns)}


def _columns(table: Table, shown: _Group) -> list[tuple[str, _Cell]]:
    """Title and content of each column; settings, labels and versions only where they tell something."""

    def known(found: Mapping[str, Row]) -> list[Row]:
        return [found[column.metric] for column in table.columns if column.metric in found]

    def version(found: Mapping[str, Row]) -> str:
        return min(row.version for row in found.values())

    columns: list[tuple[str, _Cell]] = [("method", lambda method, setting, found: method)]
    if any(setting for _, setting in shown):
        columns.append(("setting", lambda method, setting, found: setting))
    columns += [(each.title, partial(_metric_cell, each)) for each in table.columns]
    if any(row.labels for found in shown.values() for row in found.values()):
        columns.append(("labels", lambda method, setting, found: f"{max(row.labels for row in known(found)):g}"))
    columns.append(("seeds", lambda method, setting, found: str(max(row.seeds for row in known(found)))))
    columns.append(("CPU s", lambda method, setting, found: f"{max(row.cpu_seconds for row in known(found)):.0f}"))
    if any(version(found) != __version__ for found in shown.values()):
        columns.append(("nag", lambda method, setting, found: version(found)))
    return columns


def _metric_cell(column: Column, method: str, setting: str, found: Mapping[str, Row]) -> str:
    return _number(found.get(column.metric), column)


def _baseline_lines(table: Table, groups: _Group, with_setting: bool, width: int) -> list[list[str]]:
    """A line for each baseline and setting, from the method with the most seeds; `results.json` has those of every method."""
    lines = []
    for baseline in table.baselines:
        for setting in dict.fromkeys(setting for _, setting in groups):
            found = [rows for (_, its), rows in groups.items() if its == setting]
            cells = [_number(_most_seeds(found, column, baseline), column) for column in table.columns]
            if any(cell != "–" for cell in cells):
                line = [f"*{baseline.title}*", *([setting] if with_setting else []), *cells]
                lines.append([*line, *[""] * (width - len(line))])
    return lines


def _most_seeds(found: Sequence[Mapping[str, Row]], column: Column, baseline: Baseline) -> Row | None:
    rows = [rows[column.metric + baseline.suffix] for rows in found if column.metric + baseline.suffix in rows]
    return max(rows, key=lambda row: row.seeds, default=None)


def _number(row: Row | None, column: Column) -> str:
    if row is None or row.mean is None:
        return "–"
    mean = format(row.mean, column.format)
    return mean if row.std is None else f"{mean} ± {format(row.std, column.format)}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
