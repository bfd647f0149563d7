"""Local search."""

from __future__ import annotations

import hashlib

import torch

from nag.core.numbers import Count, DerivedSeed
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.search.draws import random_architectures
from nag.search.problem import Problem
from nag.search.strategy import Strategy
from nag.spaces.neighbourhood import random_neighbours
from nag.tasks import Observation

__all__ = ["LocalSearch"]

_DRAWS = 2


@checked
class LocalSearch(Strategy):
    """Local search (White et al. 2021): goes to a better neighbour as soon as one is found, and restarts where none is better.

    It starts from the best of a few random architectures. The neighbours of a centre are as many different ones as
    random edits find, up to `width`, always the same for one centre, so that it works where they are too many to be
    listed.

    Args:
        problem: All that it may see.
        seed: Seed of its randomness.
        initial: Random architectures to begin with.
        width: Greatest number of neighbours that are tried before a centre counts as a local optimum.

    Raises:
        InvalidRequest: A number is below 1.

    Example:
        >>> import nag
        >>> from nag.search import LocalSearch
        >>> from nag.spaces import layered_space
        >>> study = nag.search(lambda arch: len(arch.edges), layered_space(5, 5), budget=4, strategy=LocalSearch)
        >>> len(study), study.best.values
        (4, {'value': 8.0})
    """

    def __init__(self, problem: Problem, seed: DerivedSeed, *, initial: Count = 10, width: Count = 64) -> None:
        super().__init__(problem, seed)
        self.initial, self.width = initial, width
        self._neighbours: dict[str, dict[str, Architecture]] = {}

    @property
    def uses(self) -> frozenset[str]:
        """See `Strategy`."""
        return frozenset()

    def propose(self, n: int, rng: torch.Generator) -> list[Architecture]:
        """Random architectures first and at a local optimum, else neighbours of the centre in random order."""
        missing = self.initial - len(self.history) - len(self.pending)
        centre = self._centre()
        if missing > 0 or centre is None:
            return random_architectures(self.problem.space, min(n, missing) if missing > 0 else n, rng)
        left = [arch for function, arch in self._around(centre).items() if self.is_new(function)]
        return [left[i] for i in torch.randperm(len(left), generator=rng)[:n].tolist()]

    def _centre(self) -> Observation | None:
        """Goes through the history once more to where the search stands; None at the start and right after a local optimum."""
        observations, place = self.history.observations, self.history.ranks.tolist()
        if len(observations) < self.initial:
            return None
        seen = {observations[i].canonical_hash: i for i in range(self.initial)}
        at, left = self._climb(min(range(self.initial), key=place.__getitem__), seen, place)
        for i in range(self.initial, len(observations)):
            seen[observations[i].canonical_hash] = i
            if not left:
                at, left = self._climb(i, seen, place)
            elif observations[i].canonical_hash in left:
                left.discard(observations[i].canonical_hash)
                if place[i] < place[at]:
                    at, left = self._climb(i, seen, place)
        return observations[at] if left else None

    def _climb(self, at: int, seen: dict[str, int], place: list[int]) -> tuple[int, set[str]]:
        """From an observation by way of known neighbours to where none is better, and its neighbours that are not known."""
        while True:
            around = self._around(self.history.observations[at])
            better = min((seen[function] for function in around if function in seen), key=place.__getitem__, default=at)
            if place[better] >= place[at]:
                return at, {function for function in around if function not in seen}
            at = better

    def _around(self, centre: Observation) -> dict[str, Architecture]:
        """Function -> architecture of the neighbours of a centre."""
        if centre.canonical_hash not in self._neighbours:
            space = self.problem.space
            key = hashlib.blake2b(f"{self.seed}/{centre.canonical_hash}".encode(), digest_size=7).digest()
            rng = torch.Generator().manual_seed(int.from_bytes(key, "big"))
            edited = random_neighbours(space, centre.architecture, _DRAWS * self.width, rng)
            found: dict[str, Architecture] = {}
            for function, arch in zip(space.canonical_hashes(space.to_dags(edited)) if edited else [], edited, strict=True):
                useful = function != centre.canonical_hash and self.problem.can_evaluate(function)
                if useful and len(found) < self.width:
                    found.setdefault(function, arch)
            self._neighbours[centre.canonical_hash] = found
        return self._neighbours[centre.canonical_hash]
