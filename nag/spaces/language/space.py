"""A search space whose nodes carry attributes, compiled from its description."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cached_property

from nag.core.errors import InvalidRequest
from nag.core.numbers import Seed, Size
from nag.core.signatures import conform_value
from nag.spaces.language.conditions.rules import Conditions
from nag.spaces.language.counting.counter import Counter, of_conditions, unconditional
from nag.spaces.language.derivations.decisions import Decision
from nag.spaces.language.derivations.neighbourhood import Neighbourhood
from nag.spaces.language.derivations.of_space import Derivations
from nag.spaces.language.designs import Design, TypedGraph
from nag.spaces.language.errors import NotCountable
from nag.spaces.language.expansion.parts import expand
from nag.spaces.language.steps import Description
from nag.spaces.language.strings.codec import StringCodec
from nag.spaces.language.terms import Option
from nag.spaces.language.typed_graph import typed_graph

__all__ = ["TypedSpace"]

_MOST_TRIES = 10_000  # of rejection sampling, for one draw


class TypedSpace:
    """A search space in the space language: counts, draws, neighbours, decisions and strings of its designs.

    Args:
        description: The space; `load_typed_space` reads one from a file.

    Raises:
        InvalidSpace: The description is wrong; the message names the fault.

    Example:
        >>> from nag.spaces.language import typed_space_from_mapping
        >>> space = typed_space_from_mapping({
        ...     "name": "chain",
        ...     "operations": {"conv": {"kernel": [3, 5]}, "pool": {"role": "mergeable"}},
        ...     "graph": [{"repeat": [1, 2, 3], "choice": ["conv", "pool"], "name": "body"}],
        ...     "recipe": {"lr": [0.1, 0.01]},
        ... })
        >>> space.count()
        78
        >>> design = space.decode("conv(kernel=3) pool ; lr=0.1")
        >>> space.decide(design)["body[0].conv.kernel"], len(space.neighbours(design))
        (3, 14)
        >>> space.encode(space.sample(1, seed=0)[0])
        'pool ; lr=0.01'
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.name = description.name
        self.parts = tuple(expand(description))
        self._parts = tuple(part for part in self.parts if part.term is not None)
        operations = {name: tuple(own.attributes) for name, own in description.operations.items()}
        self.conditions = Conditions(description.conditions, self._parts, operations)
        self._derivations = Derivations(self.name, self._parts, self.conditions)
        self._neighbourhood = Neighbourhood(self._derivations)
        self._codec = StringCodec(description, self._derivations)

    # -- counts and draws -------------------------------------------------------------------------------------------

    @cached_property
    def _counter(self) -> Counter:
        return of_conditions(self.conditions)

    @cached_property
    def _proposal(self) -> Counter:
        return unconditional(self._parts)

    def count(self) -> int:
        """Number of distinct designs; exact.

        Raises:
            NotCountable: It cannot be counted within the bounds; the message names the part.
        """
        return self._counter.total

    def sample(self, count: int, seed: int = 0) -> list[Design]:
        """Independent uniform draws among the distinct designs.

        Where the conditions cannot be counted, designs are drawn without them and those that break them are rejected: draws are
        uniform all the same.

        Args:
            count: Number of draws.
            seed: Seed of the draws.

        Raises:
            NotCountable: The space without its conditions cannot be counted.
            InvalidRequest: The space is empty, or too few draws keep the conditions.
        """
        conform_value("the number of draws", count, Size)
        conform_value("the seed", seed, Seed)
        source = random.Random(seed)
        try:
            counter = self._counter
        except NotCountable:
            return [self._accepted(source) for _ in range(count)]
        if count and not counter.total:
            raise InvalidRequest(f"search space {self.name} has no architectures", "Loosen its conditions.")
        return [counter.draw(source) for _ in range(count)]

    def _accepted(self, source: random.Random) -> Design:
        for _ in range(_MOST_TRIES):
            design = self._proposal.draw(source)
            if self.is_valid(design):
                return design
        raise InvalidRequest(f"none of {_MOST_TRIES} draws from {self.name} keeps its conditions", "Loosen its conditions.")

    def enumerate(self, limit: int = 100_000) -> list[Design]:
        """Every design once, found by trying every derivation.

        Args:
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more.
        """
        return self._derivations.enumerate(limit)

    # -- decisions --------------------------------------------------------------------------------------------------

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions with an alternative, in the order in which a derivation makes them."""
        return tuple(each for part in self._parts for each in part.decisions if len(each.options) > 1)

    def derive(self, decisions: Mapping[str, Option]) -> Design:
        """The design of decisions.

        Args:
            decisions: Name -> option of each decision that exists; what has one option may be left out.

        Raises:
            InvalidRequest: One is missing, unknown or impossible, or does not exist beside the others.
            InvalidArchitecture: A condition is broken.
        """
        return self._derivations.derive(decisions)

    def decide(self, design: Design) -> dict[str, Option]:
        """The decisions that lead to a design, those with an alternative, in their order; of several derivations, the first.

        Raises:
            InvalidArchitecture: The design is not in the space.
        """
        return self._derivations.decide(design)

    def derivations(self, design: Design) -> Iterator[tuple[dict[str, Option], ...]]:
        """The decisions of each part, for every derivation of a design that keeps the conditions."""
        return self._derivations.of(design)

    def is_valid(self, design: Design) -> bool:
        """Whether a design is in the space."""
        return next(self.derivations(design), None) is not None

    # -- neighbours, strings, graphs --------------------------------------------------------------------------------

    def neighbours(self, design: Design, limit: int = 100_000) -> list[Design]:
        """All designs one edit away (see `nag.spaces.language.derivations.neighbours`), without the design itself.

        Args:
            design: A design of the space.
            limit: Derivations that are tried at most.

        Raises:
            NotCountable: There are more: use `draw_neighbour`.
        """
        return self._neighbourhood.of(design, limit)

    def draw_neighbour(self, design: Design, source: random.Random, tries: int = 1000) -> Design | None:
        """A neighbour: an edit, each with equal odds, then what is new, decision by decision; None if none was found.

        Args:
            design: A design of the space.
            source: Source of randomness.
            tries: Edits that are tried, where conditions forbid what comes of them.
        """
        return self._neighbourhood.draw(design, source, tries)

    def encode(self, design: Design) -> str:
        """The native string of a design (see `nag.spaces.language.strings`)."""
        return self._codec.encode(design)

    def decode(self, text: str) -> Design:
        """The design of a native string.

        Raises:
            InvalidArchitecture: Not of the form, or not in the space; with the position of the fault.
        """
        return self._codec.decode(text)

    def graph(self, design: Design) -> TypedGraph:
        """The flat graph of a design (see `nag.spaces.language.typed_graph`)."""
        return typed_graph(self.parts, design)
