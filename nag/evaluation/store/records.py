"""What the store is asked for, and what it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from nag.evaluation.trial import Measurement
from nag.graphs import Architecture

__all__ = ["EvaluationKey", "Record", "Request", "State", "Status", "StoredResult"]

Status = Literal["pending", "claimed", "done", "failed"]


@dataclass(frozen=True)
class EvaluationKey:
    """What makes an evaluation the same as another one.

    Args:
        function: Canonical hash of the architecture, so that functional twins share one evaluation; or a probe hash.
        task: Name of the task.
        evaluator: Fingerprint of how it is measured.
        seed: Seed of the measurement.
    """

    function: str
    task: str
    evaluator: str
    seed: int


@dataclass(frozen=True)
class Request:
    """An evaluation that somebody wants.

    Args:
        key: Its key.
        architecture: The architecture to measure; of several twins, the one that was asked for first is measured.
        native: The same as the search space's native string.
    """

    key: EvaluationKey
    architecture: Architecture
    native: str = ""


@dataclass(frozen=True)
class State:
    """How far an evaluation is.

    Args:
        status: `pending`, `claimed`, `done` or `failed`.
        progress: Share of a running trial that is done, from 0 to 1.
    """

    status: Status
    progress: float

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in ("done", "failed")


@dataclass(frozen=True)
class StoredResult:
    """A measurement as the store keeps it: as `Measurement`, but for the JSON texts of `side` and `curve`."""

    search_value: float
    report_value: float | None
    side: str
    curve: str
    epochs: int
    cpu_seconds: float
    gpu_seconds: float


@dataclass(frozen=True)
class Record:
    """A row of the store; architecture and measurement are decoded when they are asked for.

    Args:
        key: Its key.
        graph: What is, or was, measured, as JSON texts of its operations and its edges.
        native: The same as a native string.
        state: How far it is.
        result: The result; None unless done.
        error: Why the last attempt failed, in one line; empty where none did.
        attempts: Attempts that were begun.
        worker: Who holds it, or who finished it; empty for nobody.
        created: When it was asked for, in seconds since 1970.
        finished: When it was done or failed; None before.
    """

    key: EvaluationKey
    graph: tuple[str, str]
    native: str
    state: State
    result: StoredResult | None = None
    error: str = ""
    attempts: int = 0
    worker: str = ""
    created: float = 0.0
    finished: float | None = None

    @cached_property
    def architecture(self) -> Architecture:
        """What is, or was, measured."""
        ops, edges = map(json.loads, self.graph)
        return Architecture(ops, edges)

    @cached_property
    def measurement(self) -> Measurement | None:
        """The result; None unless done."""
        found = self.result
        if found is None:
            return None
        return Measurement(
            found.search_value,
            found.report_value,
            json.loads(found.side),
            json.loads(found.curve),
            found.epochs,
            found.cpu_seconds,
            found.gpu_seconds,
        )

    @property
    def status(self) -> Status:
        """`pending`, `claimed`, `done` or `failed`."""
        return self.state.status
