"""Where the candidates of a query come from in spaces that are too large to score every architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from nag.core.numbers import Count, Size
from nag.core.signatures import checked
from nag.diffusion import Score
from nag.graphs import DagBatch
from nag.search.draws import random_architectures
from nag.search.history import History
from nag.search.problem import Problem
from nag.spaces import SearchSpace
from nag.spaces.neighbourhood import random_neighbours

__all__ = ["CandidateSource", "Mutants", "unseen"]


class CandidateSource(Protocol):
    """Proposes architectures to score."""

    def __call__(self, problem: Problem, history: History, acquisition: Score, rng: torch.Generator) -> DagBatch:
        """Draws candidates of the space; they may be known already, and there may be none.

        Args:
            problem: The problem.
            history: What was observed.
            acquisition: Acquisition value of architectures, the same throughout.
            rng: Source of randomness, on the CPU.
        """
        ...


@checked
@dataclass(frozen=True)
class Mutants:
    """Random architectures and mutants of the best observed ones, then mutants of the most promising of these (BANANAS).

    Args:
        parents: Best observed architectures that have mutants, and candidates that have some in the next round.
        count: Mutants in each round, one edit away from their parent.
        rounds: Rounds.
        random: Random architectures in the first round.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> from nag.search import Mutants
        >>> Mutants(parents=5, count=50).uses
        frozenset()
    """

    parents: Count = 10
    count: Size = 300
    rounds: Count = 3
    random: Count = 300

    @property
    def uses(self) -> frozenset[str]:
        """Parts of the problem that candidates come from (see `Strategy.uses`)."""
        return frozenset()

    def __call__(self, problem: Problem, history: History, acquisition: Score, rng: torch.Generator) -> DagBatch:
        """See `CandidateSource`."""
        space, best = problem.space, history.ranks.argsort(stable=True)[: self.parents].tolist()
        parents = [history.observations[row].architecture for row in best]
        found = space.to_dags(random_architectures(space, self.random, rng))
        for _ in range(self.rounds):
            each = -(-self.count // max(1, len(parents)))
            children = [child for parent in parents for child in random_neighbours(space, parent, each, rng)]
            found = unseen(space, DagBatch.cat([found, space.to_dags(children)]), history.dags)
            if not len(found):
                break
            promising = acquisition(found).topk(min(self.parents, len(found))).indices
            parents = space.to_architectures(found[promising])
        return found


def unseen(space: SearchSpace, dags: DagBatch, known: DagBatch) -> DagBatch:
    """The first of each function among B architectures, without those of known ones."""
    seen = set(space.function_codes(known).tolist()) if len(known) else set()
    rows = []
    for row, code in enumerate(space.function_codes(dags).tolist()):
        if code not in seen:
            seen.add(code)
            rows.append(row)
    return dags[torch.tensor(rows, dtype=torch.int64)]
