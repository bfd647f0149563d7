"""The discrete generator: categories are noised and denoised in continuous time."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from nag.core.errors import InvalidRequest
from nag.core.signatures import checked
from nag.diffusion.chains import AncestralChain, Chain, Denoise, UnmaskingChain
from nag.diffusion.denoising import DenoiserOptions, DenoisingGenerator
from nag.diffusion.generator import Generator
from nag.diffusion.kernels import AbsorbingKernel, TransitionKernel
from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.orders import shuffle_orders
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.schedules import LinearSchedule, NoiseSchedule
from nag.graphs import DagBatch, GraphBatch
from nag.nn import GraphLogits
from nag.spaces import SearchSpace

__all__ = ["DiscreteGenerator", "require_discrete"]

_STEPS = 64
_MOST_STEPS = 128


@checked
class DiscreteGenerator(DenoisingGenerator):
    """Discrete diffusion over the operations and edges of one search space.

    Args:
        space: The search space.
        data: The training graphs; only kernels and the distribution of sizes look at them here.
        kernel: Transition kernel; absorbing (masked diffusion) if None.
        schedule: Noise schedule; linear if None.
        width: Width of the denoiser, 64 by default.
        layers: Layers of the denoiser, 4 by default.
        heads: Attention heads of the denoiser, 4 by default.
        conditions: Names of the conditions that it can be given.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> rng = torch.Generator().manual_seed(0)
        >>> terms = generator.loss(data, rng)
        >>> terms.total.backward()
        >>> space.is_valid(generator.sample(4, rng)).shape
        torch.Size([4])
    """

    def __init__(
        self,
        space: SearchSpace,
        data: DagBatch,
        kernel: TransitionKernel | None = None,
        schedule: NoiseSchedule | None = None,
        **denoiser: Unpack[DenoiserOptions],
    ) -> None:
        super().__init__(space, **denoiser)
        self.kernel, self.schedule = kernel or AbsorbingKernel(), schedule or LinearSchedule()
        self.process = DiscreteProcess(self.kernel, self.schedule, space.masks, data)
        self.denoiser = self.make_denoiser(self.process.extra)

    @property
    def sizes(self) -> Tensor:
        """Shares of the numbers of nodes 0..N among the training graphs."""
        return self.process.sizes

    def check_state(self) -> None:
        """Raises `ValueError` if a distribution of the process does not sum to 1, or has a negative share."""
        self.process.check()

    def forward(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphLogits:
        """Logits of the clean categories, minus infinity where the space allows none."""
        pairs = self.process.pairs_of(x_t.mask.shape[1])
        logits = self.denoiser(x_t.nodes, x_t.edges, x_t.mask, t, condition, pairs)
        nodes, edges = self.process.allowed(x_t.mask)
        return GraphLogits(
            logits.nodes.float().masked_fill(~nodes, float("-inf")), logits.edges.float().masked_fill(~edges, float("-inf"))
        )

    def loss(
        self, dags: DagBatch, rng: torch.Generator, condition: Tensor | None = None, share: slice = slice(None)
    ) -> LossTerms:
        """Denoising loss of clean graphs in random topological orders, at random times, one stratified time a graph."""
        x_0 = self.process.clean(shuffle_orders(dags, self.space, self.process, rng))
        batch = len(dags)
        t = (torch.arange(batch, device=dags.device) + torch.rand(batch, generator=rng, device=dags.device)) / batch
        x_0, x_t, t = _rows(x_0, share), _rows(self.process.noise(x_0, t, rng), share), t[share]
        return denoising_loss(self(x_t, t, None if condition is None else condition[share]), x_0, x_t, self.process)

    def denoise(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphBatch:
        """Probabilities of the clean categories; what is already known to be clean stays as it is."""
        logits = self(x_t, t, condition)
        p = self.process.with_extra(GraphBatch(logits.nodes.softmax(-1), logits.edges.softmax(-1), x_t.mask))
        if not self.process.absorbing:
            return p
        nodes = torch.where(x_t.nodes[..., -1:] > 0, p.nodes, x_t.nodes)
        return GraphBatch(nodes, torch.where(x_t.edges[..., -1:] > 0, p.edges, x_t.edges), x_t.mask)

    def chain(self, steps: int | None = None, denoise: Denoise | None = None) -> Chain:
        """One position a step under an absorbing kernel, in 128 steps where there are more; 64 ancestral steps under others."""
        denoise = self.denoise if denoise is None else denoise
        if not self.process.absorbing:
            return AncestralChain(denoise, self.process, _STEPS if steps is None else steps)
        if steps is None and self.process.most_positions() > _MOST_STEPS:
            steps = _MOST_STEPS
        return UnmaskingChain(denoise, self.process, steps)

    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs in the process's categories."""
        return self.process.clean(dags)

    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Draws x_t given x_0 at times t (B,)."""
        return self.process.noise(x_0, t, rng)


def _rows(x: GraphBatch, rows: slice) -> GraphBatch:
    return GraphBatch(x.nodes[rows], x.edges[rows], x.mask[rows])


def require_discrete(generator: Generator, what: str, hint: str) -> DiscreteGenerator:
    """The generator, if it is a discrete one.

    Args:
        generator: Any generator.
        what: What needs a discrete one, for the message.
        hint: What to do instead.

    Raises:
        InvalidRequest: It is of another family.
    """
    if not isinstance(generator, DiscreteGenerator):
        raise InvalidRequest(f"{what} needs a discrete generator", hint)
    return generator
