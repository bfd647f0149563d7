"""Studies in memory, as a report shows searches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nag.core.files import finite
from nag.report.histories import Search, search_of
from nag.report.runs import Run
from nag.search import Study
from nag.search.study.results import SearchResults
from nag.tasks import Task
from nag.workflows.run_folder.history import HistoryRow, history_row

__all__ = ["searches_of_studies"]


def searches_of_studies(studies: Mapping[str, Study]) -> list[Search]:
    """The searches of studies, each under its name.

    Args:
        studies: Name, such as that of the strategy -> study.
    """
    rows = {name: _rows(study) for name, study in studies.items()}
    runs = [Run(Path(name), name, _metrics(name, study, rows[name]), None) for name, study in studies.items()]
    found = zip(runs, studies.values(), rows.values(), strict=True)
    return [search_of(run, runs, study.objective, [HistoryRow(**row) for row in lines]) for run, study, lines in found]


def _rows(study: Study) -> list[dict[str, Any]]:
    told = enumerate(study.evaluations, start=1)
    return [finite(history_row(number, evaluation, study.space)) for number, evaluation in told]


def _metrics(name: str, study: Study, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the `metrics.json` of a search holds, as far as a study knows it."""
    first = study.objective.metrics[0]
    same = all(each.report_value in (None, each.search_value) for each in study.evaluations)
    reported = first.name if same else "report_value"  # of which a study does not know the name
    task = Task(study.space, None, first.name, reported, first.maximise, name=study.space.name)
    results = SearchResults(study.objective)
    results.add(rows)
    return {"command": "search", "strategy": name, **results.metrics(task, rows)}
