"""The score-based generator: one-hot graphs are noised by an SDE and denoised by its reverse."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import Unpack

from nag.core.numbers import Count
from nag.core.signatures import checked
from nag.diffusion.chains import Chain, Denoise
from nag.diffusion.denoising import DenoiserOptions, DenoisingGenerator
from nag.diffusion.losses import LossTerms
from nag.diffusion.orders import shuffle_orders
from nag.diffusion.sde.chain import PredictorCorrector, SDEChain, SDESampler
from nag.diffusion.sde.predictions import CleanPrediction, Prediction
from nag.diffusion.sde.process import ScoreProcess
from nag.diffusion.sde.sdes import SDE
from nag.graphs import DagBatch, GraphBatch
from nag.nn import GraphLogits
from nag.spaces import SearchSpace

__all__ = ["ScoreGenerator"]

_DEFAULTS = DenoiserOptions(width=128)


@checked
class ScoreGenerator(DenoisingGenerator):
    """Score-based diffusion of the operations and edges of one search space (Song et al. 2021; for graphs Jo et al. 2022).

    With a VE SDE, `NoisePrediction` and `PredictorCorrector` it is the method of DiffusionNAG (An et al. 2024), but for
    the network.

    Args:
        space: The search space.
        data: The training graphs; only their sizes are looked at here.
        sde: The noise.
        prediction: What the network predicts; the clean graph if None.
        sampler: What is done in each time step; a predictor and a corrector if None.
        steps: Time steps, unless a number of network evaluations is asked for.
        width: Width of the network, 128 by default.
        layers: Layers of the network, 4 by default.
        heads: Attention heads of the network, 4 by default.
        conditions: Names of the conditions that it can be given.

    Raises:
        InvalidRequest: There is no time step.

    Example:
        >>> import torch
        >>> from nag.diffusion import ScoreGenerator, VPSDE
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = ScoreGenerator(space, data, VPSDE(), steps=3, width=8, layers=1, heads=2)  # untrained
        >>> len(generator.sample(4, torch.Generator().manual_seed(0)))
        4
    """

    def __init__(
        self,
        space: SearchSpace,
        data: DagBatch,
        sde: SDE,
        prediction: Prediction | None = None,
        sampler: SDESampler | None = None,
        steps: Count = 64,
        **denoiser: Unpack[DenoiserOptions],
    ) -> None:
        super().__init__(space, **_DEFAULTS | denoiser)
        self.sde, self.steps = sde, steps
        self.prediction = CleanPrediction() if prediction is None else prediction
        self.sampler = PredictorCorrector() if sampler is None else sampler
        self.process = ScoreProcess(sde, space.masks, data)
        self.denoiser = self.make_denoiser()

    @property
    def sizes(self) -> Tensor:
        """Shares of the numbers of nodes 0..N among the training graphs."""
        return self.process.positions.sizes

    def check_state(self) -> None:
        """Raises `ValueError` if a distribution of the process does not sum to 1, or has a negative share."""
        self.process.positions.check()

    def forward(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphLogits:
        """The network's output, which `prediction` reads."""
        pairs = self.process.positions.pairs_of(x_t.mask.shape[1])
        x = self.process.scaled(x_t, t)
        output = self.denoiser(x.nodes, x.edges, x.mask, t, condition, pairs)
        return GraphLogits(output.nodes.float(), output.edges.float())

    def loss(
        self, dags: DagBatch, rng: torch.Generator, condition: Tensor | None = None, share: slice = slice(None)
    ) -> LossTerms:
        """The prediction's loss of clean graphs in random topological orders, at random times, one stratified time a graph."""
        x_0 = self.clean(shuffle_orders(dags, self.space, self.process.positions, rng))
        batch, earliest = len(dags), self.process.sde.earliest
        u = (torch.arange(batch, device=dags.device) + torch.rand(batch, generator=rng, device=dags.device)) / batch
        t = earliest + (1 - earliest) * u
        x_0, x_t, t = _rows(x_0, share), _rows(self.noise(x_0, t, rng), share), t[share]
        output = self(x_t, t, None if condition is None else condition[share])
        return self.prediction.loss(output, x_0, x_t, t, self.process)

    def denoise(self, x_t: GraphBatch, t: Tensor, condition: Tensor | None = None) -> GraphBatch:
        """The mean of the clean graph given x_t."""
        return self.prediction.clean(self(x_t, t, condition), x_t, t, self.process)

    def chain(self, steps: int | None = None, denoise: Denoise | None = None) -> Chain:
        """Predictor-corrector sampling, or what else the sampler does, in so many network evaluations."""
        evaluations = self.steps * len(self.sampler.moves) if steps is None else steps
        return SDEChain(self.denoise if denoise is None else denoise, self.process, self.sampler, evaluations)

    def clean(self, dags: DagBatch) -> GraphBatch:
        """One-hot clean graphs."""
        return self.process.clean(dags)

    def noise(self, x_0: GraphBatch, t: Tensor, rng: torch.Generator) -> GraphBatch:
        """Draws x_t given x_0 at times t (B,); times before the SDE's earliest mean the earliest."""
        return self.process.noise(x_0, t.clamp(min=self.process.sde.earliest), rng)


def _rows(x: GraphBatch, rows: slice) -> GraphBatch:
    return GraphBatch(x.nodes[rows], x.edges[rows], x.mask[rows])
