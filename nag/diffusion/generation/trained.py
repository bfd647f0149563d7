"""The trained generator: what samples are drawn from, and what its checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict
from torch import Tensor

from nag.core.checkpoints import load_checkpoint
from nag.core.documents import Document, check
from nag.core.errors import DamagedFile
from nag.core.numbers import NonNegative, Size
from nag.diffusion.generation.guides import GuideLike, as_guide
from nag.diffusion.generation.reference import SpaceReference
from nag.diffusion.generation.samples import Samples
from nag.diffusion.generation.sampling import check_request, draw_valid
from nag.diffusion.generator import Generator
from nag.spaces import SearchSpace
from nag.spaces.models import restore_model
from nag.spaces.trained_model import TrainedModel
from nag.tracking import terminal_progress

__all__ = ["TrainedGenerator", "load_generator"]


class GeneratorMetadata(Document):
    """What a generator's checkpoint says beside its tensors, as far as it is used."""

    model_config = ConfigDict(extra="ignore")

    train_cpu_seconds: NonNegative = 0.0
    labels_used: Size = 0


@dataclass(frozen=True)
class TrainedGenerator(TrainedModel):
    """A generator that was trained, with what its checkpoint says about it.

    Args:
        generator: The generator, in evaluation mode.
        reference: Facts of its space and training set.
        metadata: Description in the checkpoint.

    Example:
        >>> import nag
        >>> generator = nag.load("g.safetensors")
        >>> generator
        TrainedGenerator(DiscreteGenerator of nas_bench_graph, 300 steps)
        >>> samples = generator.sample(4, seed=0, progress=False)
        >>> len(samples), samples.validity_raw > 0.5
        (4, True)
    """

    generator: Generator
    reference: SpaceReference
    metadata: dict[str, Any]

    @classmethod
    def of(cls, generator: Generator, reference: SpaceReference, metadata: Mapping[str, Any]) -> TrainedGenerator:
        """A generator with metadata of its training, to which the fingerprint of its space is added."""
        return cls(generator, reference, {"space_fingerprint": generator.space.fingerprint, **metadata})

    @property
    def model(self) -> Generator:
        """The generator."""
        return self.generator

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.generator.space

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.generator.sizes.device

    def sample(
        self, count: int, guide: GuideLike | None = None, *, steps: int | None = None, seed: int = 0, progress: bool = True
    ) -> Samples:
        """Generates valid architectures.

        What is invalid, breaks a limit of the guide, or repeats a function where the guidance asks for distinct ones, is
        counted and drawn again, at most ten rounds.

        Args:
            count: Number of valid architectures wanted.
            guide: What to steer toward: a predictor, a `nag.Guidance`, or a function that takes a list of valid
                architectures and returns a number of each, greater being better; None for no guidance.
            steps: Network evaluations of the sampler; None for the generator's default.
            seed: Seed of all randomness.
            progress: Whether to show a bar on a terminal.

        Raises:
            InvalidRequest: `count` or `steps` is below 1, the guide does not fit the generator, or no sample is valid and
                keeps all limits.

        Example:
            >>> import nag
            >>> generator = nag.load("g.safetensors")
            >>> found = generator.sample(5, seed=0)
            >>> len(found), found.validity_raw > 0
            (5, True)
            >>> dense = generator.sample(5, guide=lambda archs: [len(arch.edges) for arch in archs], seed=0)
            >>> sum(len(arch.edges) for arch in dense) >= sum(len(arch.edges) for arch in found)
            True
        """
        target = None if guide is None else as_guide(guide).target(self.space, count)
        check_request(self.generator, self.reference, count, target)
        rng = torch.Generator(device=self.device).manual_seed(seed)
        draws = draw_valid(self.generator, count, rng, target, steps, terminal_progress(progress))
        columns = {} if target is None else target.describe(draws.kept)
        return Samples(self.space, draws, columns, draws.shortfall(self.space, target is not None))

    def reference_tensors(self) -> Mapping[str, Tensor]:
        """The statistics of its training set, for the checkpoint."""
        return self.reference.tensors()

    def __repr__(self) -> str:
        steps = self.metadata.get("steps", "?")
        return f"TrainedGenerator({type(self.generator).__name__} of {self.space.name}, {steps} steps)"


def load_generator(path: Path | str, device: torch.device | str = "cpu") -> TrainedGenerator:
    """Reads a generator's checkpoint.

    Raises:
        MissingData: No such file.
        DamagedFile: The file is damaged.
        InvalidRequest: A checkpoint of another kind.

    Example:
        >>> from nag.diffusion.generation import load_generator
        >>> load_generator("g.safetensors").space.name
        'nas_bench_graph'
    """
    checkpoint = load_checkpoint(path, "generator")
    check(GeneratorMetadata, checkpoint.metadata, f"the metadata in {checkpoint.where}")
    generator = restore_model(checkpoint, Generator).to(device)  # type: ignore[type-abstract]
    try:
        reference = SpaceReference.restore(checkpoint.tensors, generator.space)
    except ValueError as error:
        raise DamagedFile(f"'{path}' lacks the statistics of its training set", "Train the generator again.") from error
    return TrainedGenerator(generator, reference, checkpoint.metadata)
