"""The page `results.md`: a table for each space and task, with methods as rows and metrics as columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nag.suites.results.outdated import MARK, fixes_of
from nag.suites.results.rows import Row
from nag.suites.suite import Baseline, Column, Table

__all__ = ["results_page"]


def results_page(title: str, header: Mapping[str, str], protocol: str, tables: Sequence[Table], rows: Sequence[Row]) -> str:
    """The page.

    Args:
        title: Its heading.
        header: Properties of the run: name -> text.
        protocol: The measurement protocol.
        tables: The tables to show.
        rows: All rows; each line shows the version that measured it, with a mark if a later fix changes it.
    """
    parts = [f"# {title}", "\n".join(f"- {name}: {text}" for name, text in header.items()), protocol]
    parts.append("Values are mean ± sample standard deviation over the seeds; a dash means not measured.")
    for space, task in dict.fromkeys((row.space, row.task) for row in rows):
        here = [row for row in rows if (row.space, row.task) == (space, task)]
        for table in tables:
            lines = _lines_of(table, here)
            if lines:
                parts += [f"## {task or space}: {table.title}", _table(table, lines), _note(table, lines)]
    return "\n\n".join(part for part in parts if part) + "\n"


@dataclass(frozen=True)
class _Line:
    """One line of a table: a method, a setting, and the row for each metric."""

    method: str
    setting: str
    found: Mapping[str, Row]

    def known(self, table: Table) -> list[Row]:
        """The rows that the table shows."""
        return [self.found[column.metric] for column in table.columns if column.metric in self.found]

    def version(self, table: Table) -> str:
        """The version that measured it, with a mark if a later fix changes it."""
        rows = self.known(table)
        return min(row.version for row in rows) + (f" {MARK}" if fixes_of(map(vars, rows)) else "")


def _lines_of(table: Table, rows: Iterable[Row]) -> list[_Line]:
    """The lines with at least one metric of the table."""
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if any(fnmatchcase(row.setting, pattern) for pattern in table.settings):
            groups.setdefault((row.method, row.setting), {})[row.metric] = row
    lines = [_Line(method, setting, found) for (method, setting), found in groups.items()]
    return [line for line in lines if line.known(table)]


def _table(table: Table, lines: Sequence[_Line]) -> str:
    """A Markdown table; the columns of settings and labels are omitted if empty."""
    columns = {"method": [line.method for line in lines]}
    if any(line.setting for line in lines):
        columns["setting"] = [line.setting for line in lines]
    numbers = [(column.title, [_number(line.found.get(column.metric), column) for line in lines]) for column in table.columns]
    metadata = {}
    if any(row.labels for line in lines for row in line.found.values()):
        metadata["labels"] = [f"{max(row.labels for row in line.known(table)):g}" for line in lines]
    metadata["seeds"] = [str(max(row.seeds for row in line.known(table))) for line in lines]
    metadata["CPU s"] = [f"{max(row.cpu_seconds for row in line.known(table)):.0f}" for line in lines]
    metadata["nag"] = [line.version(table) for line in lines]
    titled = [*columns.items(), *numbers, *metadata.items()]
    titles = [title for title, _ in titled]
    aligned = ["---" if title in columns else "---:" for title in titles]
    above = _baselines(table, lines, "setting" in columns, len(titles))
    body = [list(cells) for cells in zip(*(cells for _, cells in titled), strict=True)]
    return "\n".join(f"| {' | '.join(map(_escaped, cells))} |" for cells in [titles, aligned, *above, *body])


def _note(table: Table, lines: Sequence[_Line]) -> str:
    """Explanation of the mark of outdated versions; empty if no line has it."""
    changed = fixes_of(vars(row) for line in lines for row in line.known(table))
    return f"{MARK} A later version gives other numbers: {'; '.join(changed)}." if changed else ""


def _baselines(table: Table, lines: Sequence[_Line], with_setting: bool, width: int) -> list[list[str]]:
    """A line for each baseline and setting, from the method with the most seeds; `results.json` has all of them."""
    found = []
    for baseline in table.baselines:
        for setting in dict.fromkeys(line.setting for line in lines):
            here = [line.found for line in lines if line.setting == setting]
            cells = [_number(_most_seeds(here, column, baseline), column) for column in table.columns]
            if any(cell != "–" for cell in cells):
                line = [f"*{baseline.title}*", *([setting] if with_setting else []), *cells]
                found.append([*line, *[""] * (width - len(line))])
    return found


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
