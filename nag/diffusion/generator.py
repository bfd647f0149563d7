"""The generator: a process, a denoiser and a sampler for one search space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nag.diffusion.corrector import metropolis_corrector, rounds_evaluations
from nag.diffusion.guidance import GuidedDenoiser, Score
from nag.diffusion.kernels import AbsorbingKernel, MarginalKernel, TransitionKernel, UniformKernel
from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.sampler import Denoise, max_positions, sample_ancestral, sample_unmasking
from nag.diffusion.schedules import CosineSchedule, LinearSchedule, NoiseSchedule
from nag.errors import DamagedFile, InvalidRequest
from nag.graphs import DagBatch, GraphBatch
from nag.nn import DagTransformer, GraphLogits
from nag.spaces import SearchSpace

__all__ = ["DiscreteGenerator"]

_KERNELS: dict[str, type[TransitionKernel]] = {c.__name__: c for c in (AbsorbingKernel, MarginalKernel, UniformKernel)}
_SCHEDULES: dict[str, type[NoiseSchedule]] = {c.__name__: c for c in (CosineSchedule, LinearSchedule)}


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

    def evaluations(self, steps: int | None, rounds: int = 0) -> int:
        """Network evaluations for each batch of samples, `rounds` of the corrector included."""
        own = steps if steps is not None else max_positions(self.process) if self.process.absorbing else 64
        return own + rounds_evaluations(self.process, rounds)

    @torch.inference_mode()
    def sample(
        self,
        count: int,
        rng: torch.Generator,
        steps: int | None = None,
        score: Score | None = None,
        scale: float = 0.0,
        candidates: int = 16,
        rounds: int = 100,
        distinct: Callable[[DagBatch], Tensor] | None = None,
        order: str = "settling",
        batch_size: int = 2048,
        on_step: Callable[[], None] = lambda: None,
    ) -> DagBatch:
        """Generates graphs; they may be invalid.

        Args:
            count: Number of graphs.
            rng: Source of randomness, on the generator's device.
            steps: Network evaluations; None for the exact sampler of absorbing kernels (one a position), else 64.
            score: What guidance makes high; None for unguided samples.
            scale: Guidance scale (inverse temperature).
            candidates: Clean graphs scored for each graph and step; 0 leaves all guidance to the corrector.
            rounds: Metropolis moves of the corrector after guided sampling.
            distinct: Code of each graph that the corrector keeps different within a batch; None for independent samples.
            order: In which positions are unmasked (absorbing kernels): "settling" or "random".
            batch_size: Graphs generated together.
            on_step: Called after each step of each batch.

        Raises:
            InvalidRequest: `count` or `steps` is below 1.
        """
        if count < 1 or (steps is not None and steps < 1):
            raise InvalidRequest(f"{count} samples in {steps} steps cannot be drawn", "Ask for at least 1 of each.")
        denoise: Denoise = self.denoise
        if score is not None and candidates > 0:
            denoise = GuidedDenoiser(denoise, self.process, score, scale, candidates, rng)
        found = []
        for start in range(0, count, batch_size):
            x_1 = self.process.prior(self.process.draw_sizes(min(batch_size, count - start), rng), rng)
            if self.process.absorbing:
                x_0 = sample_unmasking(denoise, self.process, x_1, steps, rng, order, on_step)
            else:
                x_0 = sample_ancestral(denoise, self.process, x_1, self.evaluations(steps), rng, on_step)
            if score is not None and scale != 0:
                x_0 = metropolis_corrector(self.denoise, self.process, x_0, score, scale, rounds, rng, distinct, on_step)
            found.append(x_0.to_dags())
        return DagBatch.cat(found)
