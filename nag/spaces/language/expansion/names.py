"""Names of steps, which become parts of the names of decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nag.spaces.language.domains import written
from nag.spaces.language.steps import OptionalStep, Repeat, Step, Use

__all__ = ["label_of", "numbered", "shown_as"]


def label_of(step: Step, default: str) -> str:
    """A name for a step: that of the one thing in it."""
    if isinstance(step, Use):
        return step.name
    return label_of(step.of, default) if isinstance(step, Repeat | OptionalStep) else default


def shown_as(step: Step) -> str:
    """A step as the option of a choice."""
    if isinstance(step, Use) and step.attributes:
        pairs = (f"{name}={'/'.join(map(written, domain.values))}" for name, domain in step.attributes.items())
        return f"{step.name}({','.join(pairs)})"
    return label_of(step, "step")


def numbered(labels: Sequence[str]) -> list[str]:
    """Labels, those that occur several times numbered from 0."""
    counts, seen, found = Counter(labels), Counter[str](), []
    for label in labels:
        found.append(f"{label}[{seen[label]}]" if counts[label] > 1 else label)
        seen[label] += 1
    return found
