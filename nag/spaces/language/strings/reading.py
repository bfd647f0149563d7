"""Reads native strings of designs; a fault is told with its position."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture, did_you_mean
from nag.spaces.language.designs import CellGraph, Design, Node, Word
from nag.spaces.language.domains import Value, written
from nag.spaces.language.parts import Part

__all__ = ["Positions", "Vocabulary", "read_design"]

Vocabulary = Mapping[str, Sequence[tuple[str, Sequence[Value]]]]
"""Operation -> attributes and their values."""

Positions = list[list[int]]
"""For each part, where the nodes of its word stand in the text."""

_NAME = re.compile(r"[A-Za-z0-9_][\w-]*(?:\[\d+\])?")
_VALUE = re.compile(r"\"(?:[^\"\\]|\\.)*\"|[^\s,()\[\]{}|;~<>/\"]+")
MAX_COPIES = 4096
"""Copies of a node in a row."""

MAX_LENGTH = 1_000_000
"""Characters of the longest string."""


def read_design(
    text: str, parts: Sequence[Part], vocabulary: Vocabulary, constant: Mapping[str, Word]
) -> tuple[Design, Positions]:
    """Reads a native string.

    Args:
        text: The string.
        parts: The parts that have words.
        vocabulary: Attributes of operations, of `recipe`, and of sections whose arguments are chosen as `[NAME]`.
        constant: The word of each part, by name, in which nothing is chosen.

    Raises:
        InvalidArchitecture: Not of the form, or an unknown name or value; with the position.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidArchitecture(f"the string has {len(text)} characters", f"At most {MAX_LENGTH} are read.")
    reader = _Reader(text, vocabulary)
    words: list[Word] = []
    positions: Positions = []
    opened = [part for part in parts if part.is_open]
    if not opened and text.strip() == "()":
        reader.at = len(text)
    for part in parts:
        if not part.is_open:
            words.append(constant[part.name])
            positions.append([0] * len(words[-1]))
            continue
        if part is not opened[0]:
            before = opened[opened.index(part) - 1]
            reader.expect("|" if part.kind == before.kind == "section" else ";", f"{part.kind} '{part.name}'")
        reader.starts = []
        words.append(reader.part(part))
        positions.append(reader.starts)
    reader.end()
    return Design(tuple(words)), positions


class _Reader:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.at = 0
        self.starts: list[int] = []
        self.depth = 0

    # -- signs ------------------------------------------------------------------------------------------------------

    def fail(self, hint: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        shown = shortened(self.text[at : at + 30], 30) or "the end"
        raise InvalidArchitecture(f"'{shown}' at character {at + 1} of the architecture", hint)

    def peek(self) -> str:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def met(self, sign: str) -> bool:
        if self.peek() != sign:
            return False
        self.at += 1
        return True

    def expect(self, sign: str, what: str) -> None:
        if not self.met(sign):
            self.fail(f"Expected '{sign}' and {what}.")

    def end(self) -> None:
        if self.peek():
            self.fail("Expected the end.")

    def name(self, what: str) -> str:
        self.peek()
        match = _NAME.match(self.text, self.at)
        if match is None:
            self.fail(f"Expected {what}.")
        self.at = match.end()
        return match[0]

    def number(self) -> int:
        start = self.at
        name = self.name("the number of a node")
        if not (name.isascii() and name.isdigit() and len(name) < 6):
            self.fail("Expected the number of a node.", start)
        return int(name)

    # -- parts ------------------------------------------------------------------------------------------------------

    def part(self, part: Part) -> Word:
        if part.kind == "recipe":
            self.peek()
            self.starts.append(self.at)
            return (Node("recipe", self.values("recipe", ";")),)
        if part.kind == "cell":
            start = self.at
            if self.name(f"cell '{part.name}'") != part.name:
                self.fail(f"Expected cell '{part.name}'.", start)
            self.starts.append(start)
            return (Node(part.name, (), self.graph()),)
        leading: Word = ()
        if part.leads:
            self.expect("[", f"the arguments of section '{part.name}'")
            self.starts.append(self.at)
            leading = (Node(part.name, self.values(f"[{part.name}]", "]")),)
            self.expect("]", "a word")
        return leading + self.word(self.starts)

    def word(self, starts: list[int] | None = None) -> Word:
        if self.met("-"):
            return ()
        nodes: list[Node] = []
        while self.peek() not in ("", "|", ";", "/", "}", "<", "~", ","):
            start = self.at
            node = self.node()
            copies = self.number() if self.met("*") else 1
            if not 0 < copies <= MAX_COPIES:
                self.fail(f"A node stands from 1 to {MAX_COPIES} times.", start)
            nodes += [node] * copies
            if starts is not None:
                starts += [start] * copies
        if not nodes:
            self.fail("Expected an operation, or '-' for nothing.")
        return tuple(nodes)

    def node(self) -> Node:
        start = self.at
        name = self.name("an operation")
        if self.peek() == "{":
            return Node(name, (), self.graph())
        if name not in self.vocabulary:
            self.fail(did_you_mean(name, [known for known in self.vocabulary if known != "recipe" and known[0] != "["]), start)
        if not self.met("("):
            return Node(name, self.complete(name, {}, self.at))
        attributes = self.values(name, ")")
        self.expect(")", "the next operation")
        return Node(name, attributes)

    # -- values -----------------------------------------------------------------------------------------------------

    def values(self, operation: str, end: str) -> tuple[tuple[str, Value], ...]:
        known, found = dict(self.vocabulary[operation]), dict[str, Value]()
        while self.peek() not in ("", end):
            start = self.at
            name = self.name("an attribute")
            if name not in known or name in found:
                self.fail(
                    "It is given twice." if name in found else did_you_mean(name, known) or "It has no attributes.", start
                )
            self.expect("=", f"a value of '{name}'")
            found[name] = self.value(name, known[name])
            if not self.met(","):
                break
        return self.complete(operation, found, self.at)

    def complete(self, operation: str, found: Mapping[str, Value], at: int) -> tuple[tuple[str, Value], ...]:
        values = []
        for name, options in self.vocabulary[operation]:
            if name not in found and len(options) > 1:
                self.fail(f"Expected {name}=VALUE of '{operation}'.", at)
            values.append((name, found.get(name, options[0])))
        return tuple(values)

    def value(self, name: str, options: Sequence[Value]) -> Value:
        self.peek()
        match = _VALUE.match(self.text, self.at)
        shown = "" if match is None else match[0]
        found = next((option for option in options if written(option) == shown), None)
        if match is None or found is None:
            some = ", ".join(written(option) for option in options[:12]) + (", ..." if len(options) > 12 else "")
            self.fail(f"'{name}' is one of {some}.")
        self.at = match.end()
        return found

    # -- cells ------------------------------------------------------------------------------------------------------

    def graph(self) -> CellGraph:
        self.expect("{", "the nodes of a cell")
        self.depth += 1
        if self.depth > 20:
            self.fail("Cells are nested too deeply.")
        rows = [self.inner()]
        while self.met("/"):
            rows.append(self.inner())
        self.expect("}", "what follows, or '/' and another node")
        self.depth -= 1
        inputs = tuple(reads for _, reads in rows)
        return CellGraph(tuple(word for word, _ in rows), inputs if any(inputs) else ())

    def inner(self) -> tuple[Word, tuple[tuple[int, Word], ...]]:
        word = self.word()
        if self.peek() == "~":
            return (), tuple(self.labels(word))
        if not self.met("<"):
            return word, ()
        reads = [self.number()]
        while self.met(","):
            reads.append(self.number())
        return word, tuple((source, ()) for source in reads)

    def labels(self, word: Word) -> Iterator[tuple[int, Word]]:
        self.expect("~", "the node that the edge comes from")
        yield self.number(), word
        while self.met(","):
            word = self.word()
            self.expect("~", "the node that the edge comes from")
            yield self.number(), word
