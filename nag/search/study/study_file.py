"""The JSON file of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from nag.core.documents import Document, check, parse_json, read_bounded
from nag.core.errors import DamagedFile
from nag.core.files import finite, write_json
from nag.core.numbers import Finite, NonNegative, Size
from nag.evaluation import Evaluation
from nag.graphs import Architecture
from nag.spaces import SearchSpace, space_from_mapping
from nag.tasks import Metric, Objective

__all__ = ["FORMAT", "read_study", "write_study"]

FORMAT = "nag-study-1"


class _Architecture(Document):
    """An architecture as it stands in a file."""

    ops: list[str]
    edges: list[Annotated[list[Size], Field(min_length=2, max_length=2)]]


class _Query(Document):
    """One query of a study's file."""

    architecture: _Architecture
    canonical_hash: str
    search_value: Finite | None
    report_value: Finite | None
    percentile: Finite | None
    side: dict[str, Finite | None]
    curve: list[dict[str, Finite | None]] = Field(default_factory=list)
    epochs: Size = 0
    cpu_seconds: NonNegative = 0.0
    gpu_seconds: NonNegative = 0.0
    reused: bool = False
    error: str = ""

    def evaluation(self, space: SearchSpace) -> Evaluation:
        """The evaluation; raises `InvalidArchitecture` where the space does not hold the architecture."""
        values = self.model_dump(exclude={"architecture", "side", "curve"})
        arch = Architecture(tuple(self.architecture.ops), tuple((u, v) for u, v in self.architecture.edges))
        space.validate(arch)
        side = {name: math.nan if value is None else value for name, value in self.side.items()}
        curve = [{name: math.nan if value is None else value for name, value in row.items()} for row in self.curve]
        return Evaluation(architecture=arch, side=side, curve=curve, **values)


class _StudyFile(Document):
    """A study's file."""

    format: str
    space: dict[str, Any]
    objective: dict[str, Any]
    queries: list[_Query]


def write_study(path: Path, space: SearchSpace, objective: Objective, evaluations: Sequence[Evaluation]) -> None:
    """Writes a study."""
    plain = {
        "metrics": [{"name": metric.name, "maximise": metric.maximise, "unit": metric.unit} for metric in objective.metrics],
        "limits": {name: limit.bounds for name, limit in objective.limits.items()},
        "weights": dict(objective.weights),
        "pareto": objective.pareto,
    }
    rows = [finite({**asdict(each), "curve": [dict(row) for row in each.curve]}) for each in evaluations]
    write_json(path, {"format": FORMAT, "space": dict(space.description), "objective": plain, "queries": rows})


def read_study(path: Path) -> tuple[SearchSpace, Objective, tuple[Evaluation, ...]]:
    """Reads a study: its space, its objective and its evaluations.

    Raises:
        MissingData: There is no such file.
        DamagedFile: It is no study.
    """
    where = f"'{path}'"
    found = check(_StudyFile, parse_json(read_bounded(path).decode("utf-8", "replace"), where), where)
    try:
        space = space_from_mapping(found.space, f"the space in {where}")
        plain = found.objective
        metrics = tuple(Metric(str(each["name"]), bool(each["maximise"]), str(each["unit"])) for each in plain["metrics"])
        objective = Objective(metrics, plain["limits"], plain["weights"], bool(plain["pareto"]))
        return space, objective, tuple(row.evaluation(space) for row in found.queries)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{where} is no study: {error}", "Save it again.") from error
