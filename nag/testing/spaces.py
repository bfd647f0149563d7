"""The laws of search spaces, constraints and codecs."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace

import torch

from nag.core.errors import InvalidArchitecture
from nag.graphs import DagBatch, Semantics
from nag.search.decision_tree import Choose, DecisionTree
from nag.spaces import Codec, Constraint, SearchSpace
from nag.testing.laws import draws, refused

__all__ = ["CodecContract", "ConstraintContract", "SpaceContract"]


class SpaceContract(ABC):
    """Contract of a search space with uniform draws.

    Example:
        >>> from nag.spaces import load_space
        >>> from nag.testing import SpaceContract
        >>> class TestMine(SpaceContract):
        ...     def make(self):
        ...         return load_space("nas_bench_graph")
        >>> TestMine().test_its_description_is_plain()  # pytest runs all tests of the contract
    """

    count = 60
    """Draws that the laws are tried on."""

    @abstractmethod
    def make(self) -> SearchSpace:
        """The space."""

    def test_draws_are_valid_and_their_strings_lead_back(self) -> None:
        """`decode(encode(a)) == a`, up to the order of nodes."""
        space = self.make()
        dags = draws(space, self.count)
        assert bool(space.is_valid(dags).all())
        again = space.to_dags([space.decode(space.encode(arch)) for arch in space.to_architectures(dags)])
        assert space.canonical_hashes(again) == space.canonical_hashes(dags)

    def test_its_description_is_plain(self) -> None:
        """Checkpoints hold it as JSON."""
        space = self.make()
        assert json.loads(json.dumps(dict(space.description))) == dict(space.description)

    def test_text_that_is_no_architecture_is_refused(self) -> None:
        """In one line."""
        for text in ("", "?", "a" * 5000, "input,output"):
            with refused(InvalidArchitecture):
                self.make().decode(text)


class ConstraintContract(ABC):
    """Contract of `nag.spaces.Constraint`.

    Example:
        >>> from nag.spaces import load_space
        >>> from nag.testing import ConstraintContract
        >>> class TestMine(ConstraintContract):
        ...     space = load_space("nasbench101")
        ...     def make(self):
        ...         return self.space.constraints[0]
        >>> TestMine().test_equal_rules_are_equal_objects()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws, some of which keep the rule and some of which break it."""

    @abstractmethod
    def make(self) -> Constraint:
        """The rule, equal each time."""

    def drawn(self) -> tuple[DagBatch, Semantics]:
        """Graphs that the rule is tried on."""
        return draws(self.space, 200), self.space.semantics

    def test_equal_rules_are_equal_objects(self) -> None:
        """By value, with a reason of one line."""
        assert self.make() == self.make()
        assert hash(self.make()) == hash(self.make())
        assert self.make().reason
        assert "\n" not in self.make().reason

    def test_each_graph_is_judged_by_itself(self) -> None:
        """Neither its place in the batch nor padding matter."""
        (dags, semantics), rule = self.drawn(), self.make()
        found = rule.satisfied(dags, semantics)
        assert found.dtype == torch.bool
        assert found.shape == (len(dags),)
        assert torch.equal(rule.satisfied(dags[3:9], semantics), found[3:9])
        assert torch.equal(rule.satisfied(dags.pad(dags.max_nodes + 2), semantics), found)

    def test_it_tells_graphs_apart(self) -> None:
        """Some keep it, others do not."""
        found = self.make().satisfied(*self.drawn())
        assert bool(found.any())
        assert not bool(found.all())

    def test_drawing_node_by_node_reaches_what_keeps_it(self) -> None:
        """`edge_constraints` demands no more than the rule."""
        (dags, semantics), rule = self.drawn(), self.make()
        tree = DecisionTree(replace(self.space, constraints=(rule,)))
        for arch in self.space.to_architectures(dags[rule.satisfied(dags, semantics)][:20]):
            assert tree.walk(_following(tree.path_of(arch))).architecture == arch

    def test_repair_changes_no_graph_that_keeps_it(self) -> None:
        """And what `repair` leaves of any graph needs no further repair."""
        (dags, semantics), rule = self.drawn(), self.make()
        kept = rule.satisfied(dags, semantics).tolist()
        for arch, good in zip(self.space.to_architectures(dags), kept, strict=True):
            repaired = rule.repair(frozenset(arch.edges), arch.num_nodes)
            assert rule.repair(repaired, arch.num_nodes) == repaired
            assert not good or repaired == frozenset(arch.edges)


class CodecContract(ABC):
    """Contract of `nag.spaces.Codec`.

    Example:
        >>> from nag.spaces import load_space
        >>> from nag.testing import CodecContract
        >>> class TestMine(CodecContract):
        ...     space = load_space("nasbench201")
        ...     def make(self):
        ...         return self.space.codec
        >>> TestMine().test_strings_lead_back()  # pytest runs all tests of the contract
    """

    space: SearchSpace
    """A space with uniform draws that the codec writes."""

    @abstractmethod
    def make(self) -> Codec:
        """The codec."""

    def test_strings_lead_back(self) -> None:
        """`decode(encode(a)) == a`, up to the order of nodes; strings are one line."""
        codec, space = self.make(), self.space
        archs = space.to_architectures(draws(space, 50))
        texts = [codec.encode(arch) for arch in archs]
        assert all(text and text.isprintable() for text in texts)
        again = space.to_dags([codec.decode(text) for text in texts])
        assert space.canonical_hashes(again) == space.canonical_hashes(space.to_dags(archs))

    def test_other_text_is_refused(self) -> None:
        """As `InvalidArchitecture`, however long it is."""
        for text in ("", "?", "x" * 10**6, "\x00"):
            with refused(InvalidArchitecture):
                self.space.validate(self.make().decode(text))


def _following(path: Iterable[tuple[int, int]]) -> Choose:
    steps = iter(path)
    return lambda decision: next(steps)[1]
