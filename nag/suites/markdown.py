"""The page `results.md`: a table for each space and task, methods as rows, metrics as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from nag import __version__
from nag.suites.rows import Row
from nag.suites.suite import Baseline, Column, Table

__all__ = ["results_page"]

_Group = Mapping[tuple[str, str], Mapping[str, Row]]  # (method, setting) -> metric -> row


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
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if any(fnmatchcase(row.setting, pattern) for pattern in table.settings):
            groups.setdefault((row.method, row.setting), {})[row.metric] = row
    shown = {key: found for key, found in groups.items() if any(column.metric in found for column in table.columns)}
    if not shown:
        return ""
    with_setting = any(setting for _, setting in shown)
    with_labels = any(row.labels for found in shown.values() for row in found.values())
    versions = {key: min(row.version for row in found.values()) for key, found in shown.items()}
    with_version = any(version != __version__ for version in versions.values())
    head = ["method", *(["setting"] if with_setting else []), *(column.title for column in table.columns)]
    head += [*(["labels"] if with_labels else []), "seeds", "CPU s", *(["nag"] if with_version else [])]
    aligned = ["---" if name in ("method", "setting") else "---:" for name in head]
    lines = [head, aligned, *_baseline_lines(table, shown, with_setting, len(head))]
    for (method, setting), found in shown.items():
        known = [found[column.metric] for column in table.columns if column.metric in found]
        line = [method, *([setting] if with_setting else [])]
        line += [_number(found.get(column.metric), column) for column in table.columns]
        line += [f"{max(row.labels for row in known):g}"] if with_labels else []
        line += [str(max(row.seeds for row in known)), f"{max(row.cpu_seconds for row in known):.0f}"]
        lines.append([*line, *([versions[method, setting]] if with_version else [])])
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)


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
