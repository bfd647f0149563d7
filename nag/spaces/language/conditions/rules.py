"""Conditions of a space: what they refer to, and the cases of the decisions that they name.

A reference is `operation.attribute`, which stands for every node of the operation in turn (`section.operation.attribute`: for
every one in a section), or the name of a decision. A condition that names a decision which an architecture does not have holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from nag.core.errors import InvalidSpace, did_you_mean
from nag.spaces.language.conditions.expressions import Condition, references
from nag.spaces.language.conditions.grammar import parse_condition
from nag.spaces.language.counting.labels import Scope
from nag.spaces.language.designs import Node, Word
from nag.spaces.language.domains import Value
from nag.spaces.language.errors import NotCountable, at
from nag.spaces.language.parts import Part
from nag.spaces.language.terms import Option

__all__ = ["Conditions", "Rule"]

MAX_CASES = 4096
"""Cases of the decisions that conditions name."""


class _Operand(NamedTuple):
    """What a reference means: a decision, or an attribute of each node of an operation, in one part or all."""

    decision: str | None = None
    operation: str = ""
    attribute: str = ""
    part: str | None = None


@dataclass(frozen=True)
class Rule:
    """A condition whose references are resolved."""

    text: str
    condition: Condition
    operands: Mapping[str, _Operand]

    @property
    def decisions(self) -> tuple[str, ...]:
        """The decisions that it names."""
        return tuple(dict.fromkeys(o.decision for o in self.operands.values() if o.decision is not None))

    @property
    def node(self) -> _Operand | None:
        """The operation whose nodes it is about, if any."""
        return next((operand for operand in self.operands.values() if operand.decision is None), None)

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes of that operation that it reads."""
        return frozenset(o.attribute for o in self.operands.values() if o.decision is None)

    def holds(self, decided: Mapping[str, Option | None], node: Mapping[str, Value] | None = None) -> bool:
        """Whether it is true of the decisions, and of a node where it is about nodes."""
        values: dict[str, Any] = {}
        for name, operand in self.operands.items():
            if operand.decision is not None:
                values[name] = decided.get(operand.decision)
                if values[name] is None:
                    return True
            elif node is not None:
                values[name] = node[operand.attribute]
        return self.condition.holds(values)


@dataclass(frozen=True)
class _Filter:
    """The nodes of a part that the rules admit in one case."""

    rules: tuple[Rule, ...]
    decided: tuple[tuple[str, Option | None], ...]

    @property
    def key(self) -> object:
        return tuple(rule.text for rule in self.rules), self.decided

    def attributes(self, operation: str) -> frozenset[str]:
        own = (rule.attributes for rule in self.rules if rule.node is not None and rule.node.operation == operation)
        return frozenset().union(*own)

    def admits(self, operation: str, values: Mapping[str, Value]) -> bool:
        decided = dict(self.decided)
        return all(
            rule.holds(decided, values) for rule in self.rules if rule.node is not None and rule.node.operation == operation
        )


class Conditions:
    """The conditions of a space.

    Args:
        texts: The conditions.
        parts: The parts of the space.
        operations: Operation -> its attributes.

    Raises:
        InvalidSpace: A text is no condition, or refers to what there is not.
    """

    def __init__(self, texts: Sequence[str], parts: Sequence[Part], operations: Mapping[str, Sequence[str]]) -> None:
        self.parts = parts
        self._operations = operations
        self._home = {name: index for index, part in enumerate(parts) for name in part.sites}
        self._names = {part.name for part in parts}
        self.rules = tuple(self._rule(index, text) for index, text in enumerate(texts))
        self.decisions = tuple(dict.fromkeys(name for rule in self.rules for name in rule.decisions))

    def _rule(self, index: int, text: str) -> Rule:
        with at("conditions", index):
            return self._resolved(text)

    def _resolved(self, text: str) -> Rule:
        condition = parse_condition(text)
        rule = Rule(text, condition, {each.name: self._operand(text, each.name) for each in references(condition)})
        if len({(o.operation, o.part) for o in rule.operands.values() if o.decision is None}) > 1:
            raise InvalidSpace(f"condition '{text}' is about nodes of several kinds", "Write about one operation at a time.")
        return rule

    def _operand(self, text: str, name: str) -> _Operand:
        *scope, operation, attribute = ["", *name.split(".")]
        part = ".".join(scope[1:]) or None
        if operation in self._operations and attribute in self._operations[operation]:
            if part is None or part in self._names:
                return _Operand(None, operation, attribute, part)
        if name in self._home:
            return _Operand(name)
        known = {*self._home, *(f"{op}.{key}" for op, keys in self._operations.items() for key in keys)}
        raise InvalidSpace(f"condition '{text}' refers to '{name}', which is no decision", did_you_mean(name, known))

    # -- checking ---------------------------------------------------------------------------------------------------

    def admit(self, decided: Mapping[str, Option], words: Sequence[Word]) -> bool:
        """Whether a derivation keeps all conditions.

        Args:
            decided: All its decisions.
            words: The word of each part.
        """
        return self.broken(decided, words) is None

    def broken(self, decided: Mapping[str, Option], words: Sequence[Word]) -> str | None:
        """The first condition that a derivation breaks."""
        return next((rule.text for rule in self.rules if not self._keeps(rule, decided, words)), None)

    def _keeps(self, rule: Rule, decided: Mapping[str, Option], words: Sequence[Word]) -> bool:
        about = rule.node
        if about is None:
            return rule.holds(decided)
        return all(
            rule.holds(decided, node.values)
            for part, word in zip(self.parts, words, strict=True)
            if about.part in (None, part.name)
            for node in _all_nodes(word)
            if node.operation == about.operation
        )

    # -- cases ------------------------------------------------------------------------------------------------------

    def cases(self) -> list[tuple[Scope, ...]]:
        """The cases of the named decisions in which the conditions can be kept: for each part, how it is limited then.

        Raises:
            NotCountable: There are too many.
        """
        options = [(*self.parts[self._home[name]].sites[name], None) for name in self.decisions]
        number = 1
        for name, own in zip(self.decisions, options, strict=True):
            number *= len(own)
            if number > MAX_CASES:
                raise NotCountable(f"the conditions up to decision '{name}' have more than {MAX_CASES} cases", "Name fewer.")
        found = []
        for chosen in product(*options):
            decided = dict(zip(self.decisions, chosen, strict=True))
            if all(rule.holds(decided) for rule in self.rules if rule.node is None):
                found.append(tuple(self._scope(index, decided) for index in range(len(self.parts))))
        return found

    def _scope(self, index: int, decided: Mapping[str, Option | None]) -> Scope:
        part = self.parts[index]
        pins = {name: value for name, value in decided.items() if self._home[name] == index}
        rules = tuple(rule for rule in self.rules if rule.node is not None and rule.node.part in (None, part.name))
        named = dict.fromkeys(name for rule in rules for name in rule.decisions)
        return Scope(pins, _Filter(rules, tuple((name, decided[name]) for name in named)) if rules else None)


def _all_nodes(word: Word) -> Iterator[Node]:
    for node in word:
        yield node
        if node.cell is not None:
            for inner in node.cell.nodes:
                yield from _all_nodes(inner)
            for reads in node.cell.inputs:
                for _, label in reads:
                    yield from _all_nodes(label)
