"""Classifier-free guidance: the generator is conditioned on what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.numbers import Fraction, NonNegative
from nag.core.signatures import checked
from nag.diffusion.chains import Denoise
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.request import Request
from nag.graphs import DagBatch, GraphBatch

__all__ = ["ClassifierFree", "drop_conditions"]


def drop_conditions(condition: Tensor, rng: torch.Generator, probability: float = 0.1) -> Tensor:
    """Forgets all conditions of some graphs, and single ones of others (Ho and Salimans 2022, alg. 1).

    Args:
        condition: (B, C), nan where there is none.
        rng: Source of randomness.
        probability: Of either loss.

    Returns:
        (B, C) with more nans.

    Example:
        >>> import torch
        >>> from nag.diffusion import drop_conditions
        >>> dropped = drop_conditions(torch.ones(1000, 2), torch.Generator().manual_seed(0))
        >>> 0.1 < float(dropped.isnan().float().mean()) < 0.3
        True
    """
    noise = torch.rand(len(condition), 1 + condition.shape[1], generator=rng, device=condition.device)
    lost = (noise[:, :1] < probability) | ((noise[:, 1:] < probability) & (condition.shape[1] > 1))
    return condition.masked_fill(lost, float("nan"))


@checked
@dataclass(frozen=True)
class ClassifierFree:
    """Proposal: predictions with and without the condition, extrapolated (Ho and Salimans 2022, eq. 6).

    p proportional to p(x_0 | x_t)^(-weight) p(x_0 | x_t, condition)^(1 + weight), position by position. The generator must
    have been trained on the conditions. Score and scale play no part; selection from a pool may still use them.

    Args:
        condition: Name -> wanted quantile in [0, 1] among the training graphs: 1 is the best score or the greatest cost.
        weight: How far to go beyond the conditional prediction; 0 for not at all.

    Raises:
        InvalidRequest: A number is out of range.

    Example:
        >>> import torch
        >>> from nag.diffusion import ClassifierFree, DiscreteGenerator, GuidanceMethod
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2, conditions=("accuracy",))
        >>> method = GuidanceMethod(0.0, ClassifierFree({"accuracy": 1.0}), pool=1, corrector=None)
        >>> method.check(generator)
        >>> method.proposal.cost(generator, 4, None).network_evaluations
        32
    """

    condition: Mapping[str, Fraction] = field(default_factory=dict)
    weight: NonNegative = 2.0

    def sample(self, request: Request) -> DagBatch:
        """Draws with the extrapolated predictions (see `Proposal`)."""

        def each_step() -> None:
            for _ in range(self._evaluations):
                request.on_step()

        return replace(request, on_step=each_step).draw(self.denoiser(request.generator))

    def cost(self, generator: Generator, count: int, steps: int | None) -> SamplingCost:
        """Two network evaluations a step, one with the condition and one without; one where the weight is 0."""
        return SamplingCost(self._evaluations * generator.cost(count, steps).network_evaluations)

    @property
    def _evaluations(self) -> int:
        return 2 if self.weight else 1

    def check(self, generator: Generator) -> None:
        """Raises `InvalidRequest` unless the generator was trained on the conditions."""
        self.denoiser(generator)

    def denoiser(self, generator: Generator) -> Denoise:
        """The extrapolated denoiser.

        Raises:
            InvalidRequest: No condition is given, or the generator does not know one.
        """
        if not self.condition:
            raise InvalidRequest("classifier-free guidance needs a condition", "Give guidance.proposal.condition={NAME: 1.0}.")
        for name in self.condition:
            if name not in generator.conditions:
                hint = did_you_mean(name, generator.conditions) or "Train it with conditions={...}."
                raise InvalidRequest(f"the generator knows no condition '{name}'", hint)
        row = torch.tensor([self.condition.get(name, float("nan")) for name in generator.conditions])

        def denoise(x_t: GraphBatch, t: Tensor) -> GraphBatch:
            conditioned = generator.denoise(x_t, t, row.to(t.device).expand(len(x_t), -1))
            if self.weight == 0:
                return conditioned
            free = generator.denoise(x_t, t)
            nodes, edges = (
                _extrapolate(conditioned.nodes, free.nodes, self.weight),
                _extrapolate(conditioned.edges, free.edges, self.weight),
            )
            return GraphBatch(nodes, edges, x_t.mask)

        return denoise


def _extrapolate(conditioned: Tensor, free: Tensor, weight: float) -> Tensor:
    log = (1 + weight) * conditioned.clamp(min=1e-30).log() - weight * free.clamp(min=1e-30).log()
    return log.masked_fill(conditioned <= 0, float("-inf")).softmax(-1)
