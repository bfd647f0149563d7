"""What the store is asked for, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nag.core.documents import Document, check, parse_json
from nag.core.numbers import Count, Finite, Fraction, NonNegative, Size
from nag.evaluation.trials.trial import Measurement, MeasurementSchema
from nag.graphs import Architecture

__all__ = ["EvaluationKey", "Record", "Request", "State", "StateRow", "Status", "StoredResult", "StoredRow", "checked_row"]

Status = Literal["pending", "claimed", "done", "failed"]

HINT = "Delete that row, or choose another store: store=PATH."


class StateRow(Document):
    """Schema of the columns of a row that tell how far it is."""

    status: Status
    progress: Fraction
    lease_end: NonNegative | None

    @model_validator(mode="after")
    def _lease_is_that_of_the_status(self) -> StateRow:
        if (self.lease_end is None) != (self.status in ("done", "failed")):
            raise ValueError(f"A {self.status} evaluation has {'no' if self.lease_end is None else 'a'} lease")
        return self


class StoredRow(StateRow):
    """Schema of a whole row."""

    id: int
    function: str
    task: str
    evaluator: str
    seed: int
    native: str
    ops: str
    edges: str
    worker: str | None
    attempts: Size
    batch: Count
    error: str
    search_value: Finite | None
    report_value: Finite | None
    side: str | None
    curve: str | None
    epochs: Size | None
    cpu_seconds: NonNegative | None
    gpu_seconds: NonNegative | None
    created: NonNegative
    finished: NonNegative | None

    @model_validator(mode="after")
    def _a_result_is_whole(self) -> StoredRow:
        whole = (self.search_value, self.side, self.curve, self.epochs, self.cpu_seconds, self.gpu_seconds)
        if self.status == "done" and None in whole:
            raise ValueError("A done evaluation has a whole result")
        return self


class _Graph(Document):
    """Schema of the columns that hold an architecture."""

    ops: list[str]
    edges: list[Annotated[list[int], Field(min_length=2, max_length=2)]]


def checked_row(schema: Any, columns: dict[str, Any], name: str) -> Any:
    """Columns of a row, checked against their schema.

    Args:
        schema: `StateRow` or `StoredRow`.
        columns: Name -> value.
        name: What to call the row in a message.

    Raises:
        DamagedFile: A value is not what it has to be.
    """
    return check(schema, columns, f"evaluation {name} of the store", hint=HINT)


@dataclass(frozen=True)
class EvaluationKey:
    """What makes an evaluation the same as another one.

    Args:
        function: Canonical hash of the architecture, so that functional twins share one evaluation; or a probe hash.
        task: Name of the task.
        evaluator: Fingerprint of how it is measured.
        seed: Seed of the measurement.

    Example:
        >>> from nag.execution.store import EvaluationKey
        >>> key = EvaluationKey(function="00ff", task="digits/nasbench201", evaluator="my evaluator", seed=0)
        >>> key == EvaluationKey("00ff", "digits/nasbench201", "my evaluator", 0)
        True
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

    Example:
        >>> from nag.execution.store import EvaluationKey, Request
        >>> from nag.spaces import load_space
        >>> space = load_space("nas_bench_graph")
        >>> arch = space.sample(1, seed=0)[0]
        >>> Request(EvaluationKey("hash", "my task", "my evaluator", 0), arch, space.encode(arch)).native == space.encode(arch)
        True
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

    Example:
        >>> from nag.execution.store import State
        >>> State("claimed", progress=0.4).finished
        False
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
        worker: Worker that holds or finished it; empty for none.
        created: When it was asked for, in seconds since 1970.
        finished: When it was done or failed; None before.

    Example:
        >>> import tempfile
        >>> from nag.evaluation import Measurement
        >>> from nag.execution.store import EvaluationKey, EvaluationStore, Request
        >>> from nag.spaces import load_space
        >>> arch = load_space("nas_bench_graph").sample(1, seed=0)[0]
        >>> request = Request(EvaluationKey("hash", "my task", "my evaluator", seed=0), arch)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = EvaluationStore(f"{folder}/store.sqlite")
        ...     _ = store.request([request])
        ...     record = store.find([request.key])[request.key]
        ...     store.close()
        >>> record.status, record.architecture == arch, record.measurement
        ('pending', True, None)
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
        """What is, or was, measured.

        Raises:
            DamagedFile: The row holds no graph.
            InvalidArchitecture: Its graph is no architecture.
        """
        where = f"the architecture of evaluation {self.key.function[:12]}"
        ops, edges = (parse_json(text, where) for text in self.graph)
        graph = check(_Graph, {"ops": ops, "edges": edges}, where, hint=HINT)
        return Architecture(tuple(graph.ops), tuple((edge[0], edge[1]) for edge in graph.edges))

    @cached_property
    def measurement(self) -> Measurement | None:
        """The result; None unless done.

        Raises:
            DamagedFile: The row holds no measurement.
        """
        found = self.result
        if found is None:
            return None
        where = f"the result of evaluation {self.key.function[:12]}"
        side, curve = (parse_json(text, where, nonfinite=True) for text in (found.side, found.curve))
        columns = {**vars(found), "side": side, "curve": curve}
        return Measurement(**vars(check(MeasurementSchema, columns, where, hint=HINT)))

    @property
    def status(self) -> Status:
        """`pending`, `claimed`, `done` or `failed`."""
        return self.state.status
