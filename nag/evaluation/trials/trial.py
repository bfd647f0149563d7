"""A trial: one architecture, measured once; what it yields is a measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Annotated, Protocol

from pydantic import BeforeValidator, Field, ValidationError

from nag.core.documents import Document
from nag.core.numbers import Finite, NonNegative, Size
from nag.core.progress import OnProgress, ignore_progress
from nag.graphs import Architecture

__all__ = ["Measurement", "MeasurementSchema", "Trial", "fault_of"]


@dataclass(frozen=True)
class Measurement:
    """What one trial found, and what it cost.

    Args:
        search_value: What a strategy may see; must be finite to count as a result.
        report_value: What is shown in the end; None where there is no such thing.
        side: Further values by name.
        curve: One flat mapping an epoch, in order.
        epochs: Epochs trained.
        cpu_seconds: CPU seconds; where a trial leaves them 0, the worker that ran it fills in those of its process.
        gpu_seconds: Seconds on an accelerator.

    Example:
        >>> from nag.evaluation import Measurement
        >>> Measurement(search_value=0.8, side={"latency_ms": 3.0}).report_value
    """

    search_value: float
    report_value: float | None = None
    side: Mapping[str, float] = field(default_factory=dict)
    curve: Sequence[Mapping[str, float]] = ()
    epochs: int = 0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0


class Trial(Protocol):
    """Measures an architecture; it is pickled to reach the process that runs it.

    Example:
        >>> from dataclasses import dataclass
        >>> from nag.evaluation import Measurement, TrialEvaluator
        >>> from nag.spaces import load_space
        >>> @dataclass(frozen=True)
        ... class Size:
        ...     fingerprint = "size-1"
        ...     def run(self, arch, seed, on_progress=lambda share: None):
        ...         return Measurement(search_value=float(len(arch.ops)))
        >>> space = load_space("nas_bench_graph")
        >>> TrialEvaluator(space, Size()).evaluate(space.sample(1, seed=0))[0].search_value
        6.0
    """

    @property
    def fingerprint(self) -> str:
        """Digest of all that the result depends on, but for the architecture and the seed."""
        ...

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Measures one architecture, the same for the same seed.

        Args:
            arch: The architecture.
            seed: Seed of all randomness.
            on_progress: May be called, from the thread that runs the trial, with the share that is done (0 to 1); it raises
                where the result would come too late.

        Raises:
            NagError: The architecture cannot be measured; the trial is not repeated.
            Exception: It failed; the trial is repeated a few times.
        """
        ...


def fault_of(result: object) -> str:
    """Why a trial's result does not count, in a few words; empty where it does."""
    if not isinstance(result, Measurement):
        return f"returned {type(result).__name__}, not a Measurement"
    try:
        MeasurementSchema.model_validate(vars(result))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = next((part for part in reversed(first["loc"]) if isinstance(part, str) and part != "[key]"), "it")
        return f"returned {_said(first['input'])} as {name}"
    return ""


def _said(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    return str(value) if isinstance(value, float) or type(value) is int else type(value).__name__


def _plain(value: object) -> object:
    """Numbers of numpy and the like as Python's own."""
    if isinstance(value, Real) and not isinstance(value, bool | int | float):
        return int(value) if isinstance(value, Integral) else float(value)
    return value


_Side = Annotated[float, Field(strict=True, allow_inf_nan=True), BeforeValidator(_plain)]
_Value = Annotated[Finite, BeforeValidator(_plain)]
_Seconds = Annotated[NonNegative, BeforeValidator(_plain)]


class MeasurementSchema(Document):
    """What the fields of a measurement may hold: values are finite; secondary metrics and curves are numbers of any kind."""

    search_value: _Value
    report_value: _Value | None
    side: Mapping[str, _Side]
    curve: Sequence[Mapping[str, _Side]]
    epochs: Annotated[Size, BeforeValidator(_plain)]
    cpu_seconds: _Seconds
    gpu_seconds: _Seconds
