"""Run folders as a report finds them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nag.core.documents import read_json
from nag.errors import DamagedFile, MissingData

__all__ = ["Run", "find_runs"]

_STAGES = ("quickstart", "train-generator", "train-predictor", "sample", "evaluate", "search")


@dataclass(frozen=True)
class Run:
    """One finished run.

    Args:
        path: Its folder.
        name: How the report calls it.
        metrics: Content of `metrics.json`.
        config: Text of `config.yaml`; None if there is none.
    """

    path: Path
    name: str
    metrics: Mapping[str, Any]
    config: str | None

    @property
    def command(self) -> str:
        """The command that made it."""
        return str(self.metrics["command"])

    @property
    def role(self) -> str:
        """`guided` or `unguided` for samples, else the command."""
        if self.command != "sample":
            return self.command
        return "guided" if self.metrics.get("guided") is True else "unguided"

    def number(self, key: str) -> float | None:
        """A metric that is a finite number; None if it is anything else or absent."""
        value = self.metrics.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return value

    def text(self, key: str) -> str:
        """A metric as text; empty if it is null or absent."""
        value = self.metrics.get(key)
        return "" if value is None else str(value)


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """Reads the runs of the given folders, in the order of the stages; a folder also stands for the runs right inside it.

    Raises:
        MissingData: No such folder, or no run in it.
        DamagedFile: A `metrics.json` that is none.
    """
    folders: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            raise MissingData(f"run folder '{path}' does not exist", "Check the path.")
        inside = [child for child in sorted(path.iterdir()) if (child / "metrics.json").is_file()]
        own = [path] if (path / "metrics.json").is_file() else []
        if not own and not inside:
            raise MissingData(f"'{path / 'metrics.json'}' does not exist", "Name the folder of a finished run.")
        for folder in [*own, *inside]:
            folders.setdefault(folder.resolve(), folder)
    names = [resolved.name for resolved in folders]
    runs = []
    for resolved, folder in folders.items():
        unique = names.count(resolved.name) == 1
        runs.append(_read_run(folder, resolved.name if unique else f"{resolved.parent.name}/{resolved.name}"))
    return sorted(runs, key=lambda run: (_rank(run.command), run.role != "guided"))


def _rank(command: str) -> int:
    return _STAGES.index(command) if command in _STAGES else len(_STAGES)


def _read_run(folder: Path, name: str) -> Run:
    path = folder / "metrics.json"
    metrics = read_json(path)
    if not isinstance(metrics, dict) or not isinstance(metrics.get("command"), str):
        raise DamagedFile(f"'{path}' is not the metrics of a run", "It must be a JSON object that names its 'command'.")
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else None
    return Run(folder, name, metrics, text)
