"""The grammar of conditions: comparisons of decisions and attributes, joined by not, and, or, ->; nothing is executed.

condition  = either ["->" either]
either     = both {"or" both}
both       = term {"and" term}
term       = "not" term | "(" condition ")" | comparison
comparison = operand ("==" | "!=" | "<" | "<=" | ">" | ">=") operand | operand "in" "[" value {"," value} "]"
operand    = value | reference                    reference = NAME {"[" NUMBER "]"} {"." NAME {"[" NUMBER "]"}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from nag.core.errors import InvalidSpace
from nag.spaces.language.conditions.expressions import Comparison, Condition, Connective, Reference

__all__ = ["parse_condition"]

_TOKEN = re.compile(
    r"\s*(?:(?P<arrow>->)|(?P<compare>==|!=|<=|>=|<|>)|(?P<sign>[()\[\],])|(?P<text>\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][\w-]*(?:\[\d+\])*(?:\.[A-Za-z_][\w-]*(?:\[\d+\])*)*))"
)
_WORDS = ("not", "and", "or", "in")
MAX_LENGTH = 2000
"""Characters of the longest condition."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_condition(text: str) -> Condition:
    """Reads a condition.

    Args:
        text: Such as `stage[1].repeat == 4 -> mbconv.kernel < 7`.

    Raises:
        InvalidSpace: With the position of the fault, and what was expected there.

    Example:
        >>> from nag.spaces.language import parse_condition
        >>> condition = parse_condition("stage.repeat == 4 -> mbconv.kernel < 7")
        >>> [condition.holds({"stage.repeat": n, "mbconv.kernel": 7}) for n in (3, 4)]
        [True, False]
        >>> parse_condition("stage.repeat = 4")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidSpace: condition 'stage.repeat = 4': '= 4' at character 14. Expected a comparison...
    """
    parser = _Parser(text)
    found = parser.condition()
    if parser.token.kind != "end":
        parser.fail("'->', 'and', 'or' or the end")
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise InvalidSpace(f"a condition has {len(text)} characters", f"At most {MAX_LENGTH} are read.")
        self.tokens = self._tokens()
        self.token = next(self.tokens)
        self.depth = 0

    def fail(self, expected: str) -> None:
        at = self.token.at
        shown = self.text[at : at + 20] or "the end"
        raise InvalidSpace(f"condition '{self.text}': '{shown}' at character {at + 1}", f"Expected {expected}.")

    def _tokens(self) -> Iterator[_Token]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                yield _Token("unknown", self.text[at:], at)
                return
            kind = str(match.lastgroup)
            word = match[kind]
            yield _Token("word" if kind == "name" and word in _WORDS else kind, word, match.start(kind))
            at = match.end()
        yield _Token("end", "", end)

    def take(self) -> str:
        text = self.token.text
        self.token = next(self.tokens, _Token("end", "", len(self.text)))
        return text

    def met(self, text: str) -> bool:
        if self.token.text != text or self.token.kind == "text":
            return False
        self.take()
        return True

    def condition(self) -> Condition:
        self.depth += 1
        if self.depth > 50:
            self.fail("at most 50 levels of brackets")
        left = self.joined("or", lambda: self.joined("and", self.term))
        found = Connective("->", (left, self.joined("or", lambda: self.joined("and", self.term)))) if self.met("->") else left
        self.depth -= 1
        return found

    def joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.met(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Connective(word, tuple(parts))

    def term(self) -> Condition:
        negated = 0
        while self.met("not"):
            negated += 1
        if self.met("("):
            found = self.condition()
            if not self.met(")"):
                self.fail("')'")
        else:
            found = self.comparison()
        return Connective("not", (found,)) if negated % 2 else found

    def comparison(self) -> Condition:
        left = self.operand()
        if self.met("in"):
            return Comparison(left, "in", self.listed())
        if self.token.kind != "compare":
            self.fail("a comparison: ==, !=, <, <=, >, >= or in")
        return Comparison(left, self.take(), self.operand())

    def listed(self) -> tuple[Any, ...]:
        if not self.met("["):
            self.fail("'[' and values")
        values = [self.value()]
        while self.met(","):
            values.append(self.value())
        if not self.met("]"):
            self.fail("',' or ']'")
        return tuple(values)

    def operand(self) -> Any:
        if self.token.kind == "name" and ("." in self.token.text or self.token.text not in ("true", "false")):
            at = self.token.at
            return Reference(self.take(), at)
        return self.value()

    def value(self) -> Any:
        if self.token.kind == "name" and self.token.text in ("true", "false"):
            return self.take() == "true"
        if self.token.kind == "text":
            return json.loads(self.take())
        if self.token.kind != "number":
            self.fail("a number, true, false, a text in quotes or a name")
        text = self.take()
        return float(text) if any(sign in text for sign in ".eE") else int(text)
