"""The one syntax of objectives: metrics to maximise and minimise, weights and limits, checked before any work starts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from nag.core.errors import InvalidRequest, did_you_mean
from nag.tasks.limits import parse_limits
from nag.tasks.metric import Metric
from nag.tasks.objective import Objective

__all__ = ["parse_objective"]

_KEYS = ("maximise", "minimise", "limits", "pareto")
_HINT = "Write it as maximise={accuracy: 1.0}, minimise={latency_ms: 0.2}, limits={latency_ms: {max: 5}}."


def parse_objective(
    config: Mapping[str, Any], known: Collection[str] | None = None, maximised: Mapping[str, bool] | None = None
) -> Objective:
    """Reads an objective from plain values.

    Args:
        config: Such as `{maximise: {accuracy: 1.0}, minimise: {latency_ms: 0.2}, limits: {latency_ms: {max: 5}}, pareto:
            false}`. A metric's name, or a list of names, stands for weight 1; weight 0 leaves a metric out; limits are read by
            `parse_limits`.
        known: Names of the metrics at hand; anything goes if None.
        maximised: Metric -> whether more is better, of metrics for which `maximise` and `minimise` do not say it.

    Raises:
        InvalidRequest: An unknown key or metric, or a value of the wrong kind or out of range.

    Example:
        >>> parse_objective({"maximise": "accuracy", "limits": {"latency_ms": 5}}).limits
        {'latency_ms': Limit(max=5.0, min=None)}
    """
    config = _mapping(config, "the objective")
    for key in config:
        if key not in _KEYS:
            raise InvalidRequest(f"the objective has no '{key}'", did_you_mean(str(key), _KEYS))
    pareto = config.get("pareto", False)
    if not isinstance(pareto, bool):
        raise InvalidRequest(f"objective.pareto is {pareto}", "It is true or false.")
    up, down = (_weights(config.get(key), key) for key in ("maximise", "minimise"))
    for name in up:
        if name in down:
            raise InvalidRequest(f"'{name}' is to be both maximised and minimised", "Choose one.")
    directions = {**dict.fromkeys(up, True), **dict.fromkeys(down, False)}
    limits = parse_limits(config.get("limits"), {**(maximised or {}), **directions})
    weights = {name: weight for name, weight in {**up, **down}.items() if weight}
    if not weights and not limits:
        raise InvalidRequest("the objective has neither a metric of positive weight nor a limit", _HINT)
    for name in (*directions, *limits):
        if known is not None and name not in known:
            raise InvalidRequest(f"there is no metric '{name}'", did_you_mean(name, known))
    return Objective(tuple(Metric(name, directions[name]) for name in weights), limits, weights, pareto)


def _mapping(value: Any, what: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{what} is {value!r}, not a mapping", _HINT)
    return value


def _weights(value: Any, key: str) -> dict[str, float]:
    """Metric -> weight of at least 0."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple):
        value = dict.fromkeys(value, 1.0)
    weights = {str(name): weight for name, weight in _mapping(value, key).items()}
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool) and math.isfinite(weight)
        if not number or weight < 0:
            raise InvalidRequest(f"the weight of '{name}' is {weight}", "Weights are numbers of at least 0.")
    return weights
