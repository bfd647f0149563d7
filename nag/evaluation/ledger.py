"""The ledger: everything that a result consumed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

__all__ = ["Ledger"]


@dataclass(frozen=True)
class Ledger:
    """Costs of a result, pre-training included; ledgers add up.

    Args:
        labels_used: Measured architectures that a model or a choice was based on.
        labels_of_other_tasks: Measured architectures of other tasks that a model was trained on.
        network_evaluations: Evaluations of the denoiser, each on a batch.
        predictor_evaluations: Architectures scored by a predictor.
        train_cpu_seconds: CPU seconds of training networks.

    Example:
        >>> from nag.evaluation import Ledger
        >>> (Ledger(labels_used=100) + Ledger(network_evaluations=64)).as_metrics()["labels_used"]
        100
    """

    labels_used: int = 0
    labels_of_other_tasks: int = 0
    network_evaluations: int = 0
    predictor_evaluations: int = 0
    train_cpu_seconds: float = 0.0

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def as_metrics(self) -> dict[str, float]:
        """The entries by name."""
        return asdict(self)
