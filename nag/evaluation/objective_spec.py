"""What a user asks for: metrics to maximise and minimise, weights and limits, checked before any work starts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from nag.core.errors import InvalidRequest, did_you_mean
from nag.evaluation.limits import RISK
from nag.tasks import Limit, parse_limits

__all__ = ["ObjectiveSpec", "parse_objective"]

_KEYS = ("maximise", "minimise", "limits", "pareto", "risk", "daring")
DARING = 0.03
"""Share of the samples that are drawn with predicted limits at even odds."""
_HINT = "Write it as maximise={accuracy: 1.0}, minimise={latency_ms: 0.2}, limits={latency_ms: {max: 5}}."


@dataclass(frozen=True)
class ObjectiveSpec:
    """An objective before its metrics are known.

    Args:
        maximise: Metric -> weight, at least 0.
        minimise: Metric -> weight, at least 0.
        limits: Metric -> its bounds.
        pareto: Whether a front is wanted instead of the best weighted sum.
        risk: Share of the candidates exactly at a predicted limit that may break it (see `Margin`).
        daring: Share of the samples for which that risk is one half, 0 to 1.

    Raises:
        InvalidRequest: A number is out of range, a metric has two directions, or there is nothing to do.
    """

    maximise: Mapping[str, float] = field(default_factory=dict)
    minimise: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    pareto: bool = False
    risk: float = RISK
    daring: float = DARING

    def __post_init__(self) -> None:
        for name, weight in (*self.maximise.items(), *self.minimise.items()):
            if not (_is_number(weight) and weight >= 0):
                raise InvalidRequest(f"the weight of '{name}' is {weight}", "Weights are numbers of at least 0.")
        for name in self.maximise:
            if name in self.minimise:
                raise InvalidRequest(f"'{name}' is to be both maximised and minimised", "Choose one.")
        if not (_is_number(self.risk) and 0 < self.risk < 1):
            raise InvalidRequest(f"the risk of a limit is {self.risk}", "It lies between 0 and 1.")
        if not (_is_number(self.daring) and 0 <= self.daring <= 1):
            raise InvalidRequest(f"the share of daring samples is {self.daring}", "It lies between 0 and 1.")
        if not self.directions and not self.limits:
            raise InvalidRequest("the objective has neither a metric of positive weight nor a limit", _HINT)
        if self.pareto and len(self.directions) < 2:
            raise InvalidRequest("a front takes two metrics of positive weight", "Add one to maximise or minimise.")

    @property
    def directions(self) -> dict[str, float]:
        """Metric -> signed weight, those of weight 0 left out: positive where more is better."""
        signed = {**self.maximise, **{name: -weight for name, weight in self.minimise.items()}}
        return {name: float(weight) for name, weight in signed.items() if weight}

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of all metrics that are needed, in the order of mention."""
        return tuple(dict.fromkeys([*self.directions, *self.limits]))


def parse_objective(
    config: Mapping[str, Any], known: Collection[str] | None = None, maximised: Mapping[str, bool] | None = None
) -> ObjectiveSpec:
    """Reads an objective from plain values.

    Args:
        config: Such as `{maximise: {accuracy: 1.0}, minimise: {latency_ms: 0.2}, limits: {latency_ms: {max: 5}}, pareto:
            false}`. A metric's name, or a list of names, stands for weight 1; limits are read by `parse_limits`.
        known: Names of the metrics at hand; anything goes if None.
        maximised: Metric -> whether more is better, of metrics for which `maximise` and `minimise` do not say it.

    Raises:
        InvalidRequest: An unknown key or metric, or a value of the wrong kind.
    """
    config = _mapping(config, "the objective")
    for key in config:
        if key not in _KEYS:
            raise InvalidRequest(f"the objective has no '{key}'", did_you_mean(str(key), _KEYS))
    pareto = config.get("pareto", False)
    if not isinstance(pareto, bool):
        raise InvalidRequest(f"objective.pareto is {pareto}", "It is true or false.")
    up, down = (_weights(config.get(key), key) for key in ("maximise", "minimise"))
    directions = {**(maximised or {}), **dict.fromkeys(up, True), **dict.fromkeys(down, False)}
    spec = ObjectiveSpec(
        up,
        down,
        parse_limits(config.get("limits"), directions),
        pareto,
        config.get("risk", RISK),
        config.get("daring", DARING),
    )
    for name in (*spec.maximise, *spec.minimise, *spec.limits):
        if known is not None and name not in known:
            raise InvalidRequest(f"there is no metric '{name}'", did_you_mean(name, known))
    return spec


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _mapping(value: Any, what: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{what} is {value!r}, not a mapping", _HINT)
    return value


def _weights(value: Any, key: str) -> dict[str, float]:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple):
        value = dict.fromkeys(value, 1.0)
    return {str(name): weight for name, weight in _mapping(value, key).items()}
