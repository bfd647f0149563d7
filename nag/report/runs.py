"""Run folders as a report finds them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from nag.core.documents import Document, check, read_bounded, read_json, shortened
from nag.core.errors import DamagedFile
from nag.core.numbers import Finite, NonNegative, Seed, Size
from nag.core.secrets import masked, masked_config
from nag.workflows.run_folder.folders import run_folders

__all__ = ["Run", "find_runs"]

_STAGES = ("quickstart", "train-generator", "train-predictor", "sample", "evaluate", "search")
_CONFIG_BYTES = 2 * 2**20
_CONFIG_SHOWN = 50_000  # characters

_Words = Annotated[str, Field(max_length=200_000)]
_Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100)]
_Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]


class _Metrics(Document):
    """Content of `metrics.json`, as far as a report depends on it; further entries are listed as they are."""

    model_config = ConfigDict(extra="allow")

    command: Annotated[str, Field(min_length=1, max_length=200)]
    nag_version: _Words | None = None
    device: _Words | None = None
    versions: _Words | None = None
    task: _Words | None = None
    protocol: _Words | None = None
    split: _Words | None = None
    strategy: _Words | None = None
    search_space: _Words | None = None
    search_metric: _Words | None = None
    report_metric: _Words | None = None
    best_arch: _Words | None = None
    best_network: _Words | None = None
    guided_pick: _Words | None = None
    guided: bool | None = None
    maximise: bool | None = None
    minimised: list[_Words] | None = None
    limits: dict[str, Any] | None = None
    weights: dict[str, Finite] | None = None
    seed: Seed | None = None
    steps: Size | None = None
    queries: Size | None = None
    labels_used: Size | None = None
    num_samples: Size | None = None
    count: Size | None = None
    failed: Size | None = None
    epochs: Size | None = None
    num_raw: NonNegative | None = None
    num_functionally_distinct: NonNegative | None = None
    space_size: NonNegative | None = None
    train_size: NonNegative | None = None
    cpu_seconds: NonNegative | None = None
    wall_seconds: NonNegative | None = None
    evaluation_cpu_seconds: NonNegative | None = None
    train_fraction: _Share | None = None
    validity_raw: _Share | None = None
    uniqueness: _Share | None = None
    functional_uniqueness: _Share | None = None
    novelty: _Share | None = None
    precision_at_10pct: _Share | None = None
    true_percentile_mean: _Percent | None = None
    true_percentile_best: _Percent | None = None
    uniform_true_percentile_mean: _Percent | None = None
    best_percentile: _Percent | None = None
    guided_pick_percentile: _Percent | None = None
    random_search_pick_percentile: _Percent | None = None
    guidance_scale: Finite | None = None
    loss: Finite | None = None
    kendall_tau: Finite | None = None
    best_search_metric: Finite | None = None
    best_report_metric: Finite | None = None
    true_mean: Finite | None = None
    true_best: Finite | None = None
    true_optimum: Finite | None = None
    regret: Finite | None = None
    mean: Finite | None = None
    best: Finite | None = None


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

    def file(self, name: str) -> Path:
        """Path of a file of the run; see `file_of`."""
        return file_of(self.path, name)

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
        DamagedFile: A `metrics.json` that is none, or a file or folder that a link leads out of its folder.
    """
    folders = run_folders(paths)
    names = [resolved.name for resolved in folders]
    runs = []
    for resolved, folder in folders.items():
        unique = names.count(resolved.name) == 1
        runs.append(_read_run(folder, resolved.name if unique else f"{resolved.parent.name}/{resolved.name}"))
    return sorted(runs, key=lambda run: (_rank(run.command), run.role != "guided"))


def _rank(command: str) -> int:
    return _STAGES.index(command) if command in _STAGES else len(_STAGES)


def file_of(folder: Path, name: str) -> Path:
    """Path of a file in a run folder, which need not exist.

    Raises:
        DamagedFile: It is a link that leads out of the folder, or there is something else than a regular file.
    """
    path = folder / name
    if path.is_symlink() and path.resolve().parent != folder.resolve():
        raise DamagedFile(f"'{shortened(str(path))}' is a link that leads out of the run folder", "Put the file itself there.")
    if path.exists() and not path.is_file():
        raise DamagedFile(f"'{shortened(str(path))}' is no regular file", "Remove it, or run the stage again.")
    return path


def _read_run(folder: Path, name: str) -> Run:
    path = file_of(folder, "metrics.json")
    metrics = read_json(path)
    check(_Metrics, metrics, f"'{shortened(str(path))}'")
    config = file_of(folder, "config.yaml")
    text = None
    if config.is_file():
        text = masked(read_bounded(config, _CONFIG_BYTES).decode("utf-8", "replace"))
        text = text if len(text) <= _CONFIG_SHOWN else f"{text[:_CONFIG_SHOWN]}\n... ({len(text)} characters)"
    return Run(folder, name, masked_config(metrics), text)
