"""The score-based generator: one-hot graphs are noised by an SDE and denoised by its reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import torch
from torch import Tensor

from nag.core.checkpoints import load_tensors, require_elements
from nag.core.errors import DamagedFile
from nag.core.numbers import Count, SmallCount, Width
from nag.core.randomness import seeded
from nag.core.signatures import checked
from nag.diffusion.chains import Chain, Denoise
from nag.diffusion.description import NetworkDescription, check_process
from nag.diffusion.generator import Generator
from nag.diffusion.losses import LossTerms
from nag.diffusion.orders import shuffle_orders
from nag.diffusion.sde.chain import PredictorCorrector, ProbabilityFlow, ReverseDiffusion, SDEChain, SDESampler
from nag.diffusion.sde.predictions import CleanPrediction, NoisePrediction, Prediction
from nag.diffusion.sde.process import ScoreProcess
from nag.diffusion.sde.sdes import SDE, VESDE, VPSDE, SubVPSDE
from nag.graphs import DagBatch, GraphBatch
from nag.nn import DagTransformer, GraphLogits
from nag.spaces import SearchSpace

__all__ = ["ScoreGenerator"]

_SDES: dict[str, type[SDE]] = {c.__name__: c for c in (SubVPSDE, VESDE, VPSDE)}
_PREDICTIONS: dict[str, type[Prediction]] = {c.__name__: c for c in (CleanPrediction, NoisePrediction)}
_SAMPLERS: dict[str, type[SDESampler]] = {c.__name__: c for c in (PredictorCorrector, ProbabilityFlow, ReverseDiffusion)}


@checked
class ScoreGenerator(Generator):
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
        width: Width of the network.
        layers: Layers of the network.
        heads: Attention heads of the network.
        conditions: Names of the conditions that it can be given.

    Raises:
        InvalidRequest: There is no time step.
    """

    def __init__(
        self,
        space: SearchSpace,
        data: DagBatch,
        sde: SDE,
        prediction: Prediction | None = None,
        sampler: SDESampler | None = None,
        steps: Count = 64,
        width: Width = 128,
        layers: SmallCount = 4,
        heads: SmallCount = 4,
        conditions: Sequence[str] = (),
    ) -> None:
        super().__init__(space)
        self.steps = steps
        self.shape = {"width": width, "layers": layers, "heads": heads}
        self.conditions = tuple(conditions)
        self.prediction = CleanPrediction() if prediction is None else prediction
        self.sampler = PredictorCorrector() if sampler is None else sampler
        self.process = ScoreProcess(sde, space.masks, data)
        num_ops, num_edge_types = space.masks.nodes.shape[-1], space.masks.edges.shape[-1]
        self.denoiser = DagTransformer(num_ops, num_edge_types, space.max_nodes, 0, width, layers, heads, len(self.conditions))

    @property
    def sizes(self) -> Tensor:
        """Shares of the numbers of nodes 0..N among the training graphs."""
        return self.process.positions.sizes

    def description(self) -> dict[str, Any]:
        """Hyper-parameters, as `restore` reads them."""
        return {
            "family": type(self).__name__,
            "sde": _describe(self.process.sde),
            "prediction": _describe(self.prediction),
            "sampler": _describe(self.sampler),
            "steps": self.steps,
            "conditions": list(self.conditions),
            **self.shape,
        }

    @classmethod
    def restore(cls, space: SearchSpace, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ScoreGenerator:
        """Rebuilds a generator from its hyper-parameters and tensors; nothing but known classes is made.

        Raises:
            DamagedFile: The description or the tensors do not fit.
        """
        try:
            told = NetworkDescription.of(description)
            require_elements(tensors, told.least_elements)
            with seeded(0):  # initial weights, which are replaced
                generator = cls(
                    space,
                    space.to_dags([]),
                    _rebuild(_SDES, description["sde"]),
                    _rebuild(_PREDICTIONS, description["prediction"]),
                    _rebuild(_SAMPLERS, description["sampler"]),
                    description["steps"],
                    **told.shape,
                    conditions=told.conditions,
                )
            load_tensors(generator, tensors)
            check_process(generator.process.positions)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DamagedFile("the generator's weights do not fit its description", "Train it again.") from error
        return generator.eval()

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


def _describe(part: object) -> dict[str, Any]:
    """The class of a part and its numbers."""
    numbers = asdict(part) if is_dataclass(part) and not isinstance(part, type) else {}
    return {"name": type(part).__name__, **numbers}


def _rebuild(known: Mapping[str, Any], description: Mapping[str, Any]) -> Any:
    """The part of a description, if its class is a known one; all its numbers are real ones."""
    numbers = {key: float(value) for key, value in dict(description).items() if key != "name"}
    return known[description["name"]](**numbers)
