"""A guidance, a strategy and an evaluator."""

from __future__ import annotations

from dataclasses import dataclass

from nag.diffusion import GuidanceMethod, SamplingCost
from nag.evaluation import Evaluation
from nag.graphs import DagBatch
from nag.search import Strategy
from nag.search.draws import random_architectures


@dataclass(frozen=True)
class BestOfSeveral:
    """Proposal: the best of several draws of each graph."""

    draws: int = 4

    def sample(self, request):
        rounds = [request.draw() for _ in range(self.draws)]
        order = request.score(DagBatch.cat(rounds)).argsort(descending=True)
        return DagBatch.cat(rounds)[order[: request.count]]

    def cost(self, generator, count, steps):
        return SamplingCost(self.draws * generator.cost(count, steps).network_evaluations, self.draws * count)

    def check(self, generator):
        """Every generator serves."""


def best_of_several(scale: float = 10.0, draws: int = 4):
    """The guidance."""
    return GuidanceMethod(scale=scale, proposal=BestOfSeveral(draws), pool=2, corrector=None, distinct=False)


class FewestNodes(Strategy):
    """Small architectures first."""

    def propose(self, n, rng):
        return sorted(random_architectures(self.problem.space, 4 * n, rng), key=lambda arch: arch.num_nodes)


@dataclass(frozen=True)
class Counting:
    """Counts convolutions."""

    space: object

    def evaluate(self, archs, on_progress=lambda done, total: None):
        hashes = self.space.canonical_hashes(self.space.to_dags(archs)) if archs else []
        on_progress(len(archs), len(archs))
        values = [float(arch.ops.count("blur")) for arch in archs]
        return [
            Evaluation(arch, digest, value, value, None, {}) for arch, digest, value in zip(archs, hashes, values, strict=True)
        ]


def count_blurs(task, context):
    """The evaluator of a task."""
    return Counting(task.space if hasattr(task, "space") else task.table.space)


def sharpness(network, batch, rng):
    """A training-free score: the size of the weights."""
    return float(sum(parameter.detach().abs().sum() for parameter in network.parameters()))
