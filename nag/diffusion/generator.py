"""The generator: a process, a denoiser and a sampler for one search space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nag.diffusion.corrector import metropolis_corrector, rounds_evaluations
from nag.diffusion.guidance import Guidance, GuidedDenoiser, Score, select
from nag.diffusion.kernels import AbsorbingKernel, MarginalKernel, TransitionKernel, UniformKernel
from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.sampler import Denoise, max_positions, sample_ancestral, sample_unmasking
from nag.diffusion.schedules import CosineSchedule, LinearSchedule, NoiseSchedule
from nag.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch, GraphBatch
from nag.nn import DagTransformer, GraphLogits
from nag.spaces import SearchSpace

__all__ = ["DiscreteGenerator", "SamplingCost"]

_KERNELS: dict[str, type[TransitionKernel]] = {c.__name__: c for c in (AbsorbingKernel, MarginalKernel, UniformKernel)}
_SCHEDULES: dict[str, type[NoiseSchedule]] = {c.__name__: c for c in (CosineSchedule, LinearSchedule)}

_BATCH = 2048


@dataclass(frozen=True)
class SamplingCost:
    """What sampling evaluates.

    Args:
        network_evaluations: Evaluations of the denoiser, each on a batch.
        scored: Graphs that the score is computed of.
    """

    network_evaluations: int
    scored: int


class DiscreteGenerator(nn.Module):
    """Discrete diffusion over the operations and edges of one search space.

    Args:
        space: The search space.
        data: The training graphs; only kernels and the distribution of sizes look at them here.
        kernel: Transition kernel.
        schedule: Noise schedule.
        width: Width of the denoiser.
        layers: Layers of the denoiser.
        heads: Attention heads of the denoiser.
    """

    def __init__(
        self,
        space: SearchSpace,
        data: DagBatch,
        kernel: TransitionKernel,
        schedule: NoiseSchedule,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.space = space
        self.shape = {"width": width, "layers": layers, "heads": heads}
        self.process = DiscreteProcess(kernel, schedule, space.masks, data)
        num_ops, num_edge_types = space.masks.nodes.shape[-1], space.masks.edges.shape[-1]
        self.denoiser = DagTransformer(num_ops, num_edge_types, space.max_nodes, self.process.extra, width, layers, heads)

    def description(self) -> dict[str, Any]:
        """Hyper-parameters, as `restore` reads them."""
        return {
            "kernel": type(self.process.kernel).__name__,
            "schedule": type(self.process.schedule).__name__,
            **self.shape,
        }

    @classmethod
    def restore(cls, space: SearchSpace, description: dict[str, Any], tensors: dict[str, Tensor]) -> DiscreteGenerator:
        """Rebuilds a generator from its hyper-parameters and tensors; nothing but known classes is made.

        Raises:
            DamagedFile: The description or the tensors do not fit.
        """
        try:
            kernel = _KERNELS[description["kernel"]]()
            schedule = _SCHEDULES[description["schedule"]]()
            shape = {key: int(description[key]) for key in ("width", "layers", "heads")}
            generator = cls(space, space.to_dags([]), kernel, schedule, **shape)
            generator.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DamagedFile("the generator's weights do not fit its description", "Train it again.") from error
        return generator.eval()

    def forward(self, x_t: GraphBatch, t: Tensor) -> GraphLogits:
        """Logits of the clean categories, minus infinity where the space allows none."""
        logits = self.denoiser(x_t.nodes, x_t.edges, x_t.mask, t)
        n = x_t.mask.sum(1)
        nodes = logits.nodes.float().masked_fill(~self.process.allowed_nodes[n], float("-inf"))
        return GraphLogits(nodes, logits.edges.float().masked_fill(~self.process.allowed_edges[n], float("-inf")))

    def loss(self, dags: DagBatch, rng: torch.Generator) -> LossTerms:
        """Denoising loss of clean graphs at random times, one stratified time a graph.

        Args:
            dags: B clean graphs.
            rng: Source of randomness, on the graphs' device.
        """
        x_0 = self.process.clean(dags)
        batch = len(dags)
        t = (torch.arange(batch, device=dags.device) + torch.rand(batch, generator=rng, device=dags.device)) / batch
        x_t = self.process.noise(x_0, t, rng)
        return denoising_loss(self(x_t, t), x_0, x_t, self.process)

    def denoise(self, x_t: GraphBatch, t: Tensor) -> GraphBatch:
        """Probabilities of the clean categories; what is already known to be clean stays as it is."""
        logits = self(x_t, t)
        p = self.process.with_extra(GraphBatch(logits.nodes.softmax(-1), logits.edges.softmax(-1), x_t.mask))
        if not self.process.absorbing:
            return p
        nodes = torch.where(x_t.nodes[..., -1:] > 0, p.nodes, x_t.nodes)
        return GraphBatch(nodes, torch.where(x_t.edges[..., -1:] > 0, p.edges, x_t.edges), x_t.mask)

    def evaluations(self, steps: int | None = None) -> int:
        """Network evaluations for one batch of unguided samples."""
        return steps if steps is not None else max_positions(self.process) if self.process.absorbing else 64

    def cost(self, count: int, steps: int | None = None, guidance: Guidance | None = None) -> SamplingCost:
        """What `sample` with the same arguments will evaluate."""
        own, network, scored = self.evaluations(steps), 0, 0
        for size in _batches(count):
            pool = size if guidance is None else size * guidance.pool
            network += own * len(_batches(pool))
            if guidance is not None:
                network += rounds_evaluations(self.process, guidance.rounds)
                scored += pool * (1 + own * guidance.candidates) + size * (1 + guidance.rounds)
        return SamplingCost(network, scored)

    @torch.inference_mode()
    def sample(
        self,
        count: int,
        rng: torch.Generator,
        steps: int | None = None,
        score: Score | None = None,
        guidance: Guidance | None = None,
        order: str = "settling",
        on_step: Callable[[], None] = lambda: None,
    ) -> DagBatch:
        """Generates graphs; they may be invalid.

        Args:
            count: Number of graphs.
            rng: Source of randomness, on the generator's device.
            steps: Network evaluations; None for the exact sampler of absorbing kernels (one a position), else 64.
            score: What guidance makes high.
            guidance: How the score steers; None, or a scale of 0, for unguided samples.
            order: In which positions are unmasked (absorbing kernels): "settling" or "random".
            on_step: Called after each network evaluation.

        Raises:
            InvalidRequest: `count` or `steps` is below 1.
        """
        if count < 1 or (steps is not None and steps < 1):
            raise InvalidRequest(f"{count} samples in {steps} steps cannot be drawn", "Ask for at least 1 of each.")
        denoise: Denoise = self.denoise
        if score is None or guidance is None or guidance.scale == 0:
            parts = [self._draw(denoise, size, rng, steps, order, on_step) for size in _batches(count)]
            return DagBatch.cat([part.to_dags() for part in parts])
        if guidance.candidates > 0:
            denoise = GuidedDenoiser(denoise, self.process, score, guidance.scale, guidance.candidates, rng)
        code = self.space.function_codes if guidance.distinct else None
        found = []
        for size in _batches(count):
            draws = [self._draw(denoise, n, rng, steps, order, on_step) for n in _batches(size * guidance.pool)]
            dags = DagBatch.cat([part.to_dags() for part in draws])
            rows = select(guidance.scale * score(dags), code(dags) if code else None, size, rng)
            x_0 = self.process.clean(dags[rows])
            x_0 = metropolis_corrector(
                self.denoise, self.process, x_0, score, guidance.scale, guidance.rounds, rng, code, on_step
            )
            found.append(x_0.to_dags())
        return DagBatch.cat(found)

    def _draw(
        self, denoise: Denoise, count: int, rng: torch.Generator, steps: int | None, order: str, on_step: Callable[[], None]
    ) -> GraphBatch:
        """One batch from the prior to clean graphs."""
        x_1 = self.process.prior(self.process.draw_sizes(count, rng), rng)
        if self.process.absorbing:
            return sample_unmasking(denoise, self.process, x_1, steps, rng, order, on_step)
        return sample_ancestral(denoise, self.process, x_1, self.evaluations(steps), rng, on_step)


def _batches(count: int) -> list[int]:
    """Sizes of the batches that `count` graphs are generated in."""
    return [min(_BATCH, count - start) for start in range(0, count, _BATCH)]
