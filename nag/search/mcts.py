"""Monte-Carlo tree search over the decisions of a space."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import torch

from nag.core.numbers import DerivedSeed, NonNegative
from nag.core.randomness import python_random
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.search.decision_tree import Decision, decision_tree, draw
from nag.search.problem import Problem
from nag.search.strategy import Strategy

__all__ = ["TreeSearch"]

_TRIES = 20


@dataclass
class _Node:
    """A decision, or a half of one, as far as the tree has grown."""

    visits: int = 0
    total: float = 0.0
    children: dict[int, _Node] = field(default_factory=dict)


@checked
class TreeSearch(Strategy):
    """Monte-Carlo tree search with upper confidence bounds (UCT; Kocsis and Szepesvari 2006).

    As in DeepArchitect (Negrinho and Gordon 2017), with `bisect` a decision among many options is a sequence of halvings,
    so that siblings share their statistics, which helps where options are many and ordered. The tree grows by one
    node for each architecture in the history; below it decisions are random. The reward is the share of the history that an
    architecture is better than. What is pending counts as a visit with the least reward, which spreads a batch.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        exploration: Weight of the confidence bound.
        bisect: Whether decisions are bisected.

    Raises:
        InvalidRequest: A number is below 0.

    Example:
        >>> import nag
        >>> from nag.search import TreeSearch
        >>> from nag.spaces import layered_space
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=TreeSearch)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    def __init__(self, problem: Problem, seed: DerivedSeed, *, exploration: NonNegative = 0.3, bisect: bool = False) -> None:
        super().__init__(problem, seed)
        self.exploration, self.bisect = exploration, bisect
        self._paths: dict[str, tuple[int, ...]] = {}

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Descends the tree for each architecture in turn, which is pending for the next."""
        root, source, space = self._grown(), python_random(rng), self.problem.space
        tree, found = decision_tree(space), dict[str, Architecture]()
        for _ in range(_TRIES * n):
            descent = _Descent(root, self.exploration, self.bisect, source)
            architecture = tree.walk(descent.choose).architecture
            valid = bool(space.is_valid(space.to_dags([architecture])))
            fresh = self.new([architecture]) if valid else {}
            found.update({function: arch for function, arch in fresh.items() if function not in found})
            _visit(root, descent.steps, 0.0)
            if len(found) == n:
                break
        return list(found.values())

    def _grown(self) -> _Node:
        """The tree of the history and of what is pending."""
        root, place = _Node(), self.history.ranks
        rewards = 1 - place.double() / max(1, int(place.max()) if len(place) else 1)
        for observation, reward in zip(self.history.observations, rewards.tolist(), strict=True):
            _visit(root, self._steps(observation.canonical_hash, observation.architecture), reward)
        for function, architecture in self.pending.items():
            _visit(root, self._steps(function, architecture), 0.0)
        return root

    def _steps(self, function: str, architecture: Architecture) -> tuple[int, ...]:
        """What was chosen at each decision, or half of one, on the way to an architecture."""
        if function not in self._paths:
            path = decision_tree(self.problem.space).path_of(architecture)
            self._paths[function] = tuple(step for count, index in path for step in self._split(count, index))
        return self._paths[function]

    def _split(self, count: int, index: int) -> list[int]:
        return halvings(count, index) if self.bisect else [index]


class _Descent:
    """Makes the decisions of one way down: by the tree as far as it goes, at random below."""

    def __init__(self, root: _Node, exploration: float, bisect: bool, source: random.Random) -> None:
        self.node: _Node | None = root
        self.exploration, self.bisect, self.source = exploration, bisect, source
        self.steps: list[int] = []

    def choose(self, decision: Decision) -> int:
        if not self.bisect:
            return self._step([[i] for i in range(len(decision.options))], decision.weights)[0]
        options = list(range(len(decision.options)))
        while len(options) > 1:
            middle = len(options) // 2
            options = self._step([options[:middle], options[middle:]], decision.weights)
        return options[0]

    def _step(self, branches: list[list[int]], weights: tuple[float, ...]) -> list[int]:
        """One of several sets of options: an untried one at random, else that of the greatest upper bound."""
        odds = [sum(weights[i] for i in branch) for branch in branches]
        node = self.node
        if node is None:
            taken = draw(odds, self.source)
        else:
            untried = [k for k in range(len(branches)) if k not in node.children and odds[k] > 0]
            if untried:
                taken = untried[draw([odds[k] for k in untried], self.source)]
            else:
                taken = max(node.children, key=lambda k: self._bound(node, node.children[k]))
            self.node = node.children.get(taken)
        self.steps.append(taken)
        return branches[taken]

    def _bound(self, node: _Node, child: _Node) -> float:
        return child.total / child.visits + self.exploration * math.sqrt(math.log(node.visits + 1) / child.visits)


def halvings(count: int, index: int) -> list[int]:
    """Which half, 0 or 1, an option lies in as `count` options are halved until it is alone."""
    found = []
    while count > 1:
        middle = count // 2
        found.append(int(index >= middle))
        index, count = (index - middle, count - middle) if index >= middle else (index, middle)
    return found


def _visit(root: _Node, steps: tuple[int, ...] | list[int], reward: float) -> None:
    """Counts a reward along a way, which makes the tree grow by one node."""
    node = root
    node.visits, node.total = node.visits + 1, node.total + reward
    for step in steps:
        fresh = step not in node.children
        node = node.children.setdefault(step, _Node())
        node.visits, node.total = node.visits + 1, node.total + reward
        if fresh:
            break
