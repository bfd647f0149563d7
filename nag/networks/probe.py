"""The probe hash: what a seeded network computes on a fixed batch, for spaces whose functions no normal form tells."""

from __future__ import annotations

import hashlib
import math

import torch
from torch import Tensor

from nag.core.numbers import BatchSize, Count, DerivedSeed
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.networks.builder import Builder
from nag.networks.shape import DataShape

__all__ = ["ProbeHash"]


@checked
class ProbeHash:
    """Tells functions apart by what networks compute (unified functional hashing; Gillard et al. 2023).

    Every weight tensor is drawn from a generator that is seeded by its shape alone, so that twins that are written
    differently get the same weights wherever the same operation has the same size; norms and dropout are as at test time.
    Outputs in float64 are compared on one fixed batch, centred, scaled and rounded. Two parallel operations of one kind on
    one input get equal weights, so that functions which differ only in such weights share a hash; a canonical hash keeps
    them apart.

    Args:
        builder: Makes the networks.
        shape: What they read and write.
        batch_size: Examples in the batch.
        digits: Decimal digits that count.
        seed: Seed of the batch and of the weights.

    Raises:
        InvalidRequest: A number is less than 1.

    Example:
        >>> from nag.networks import DataShape, NASBench201Builder, ProbeHash
        >>> from nag.spaces import load_space
        >>> probe = ProbeHash(NASBench201Builder(channels=4, cells_per_stage=1), DataShape("images", 1, 2, 8, 8))
        >>> one, other = load_space("nasbench201").sample(2, seed=0)
        >>> probe(one) == probe(one), probe(one) == probe(other)
        (True, False)
    """

    def __init__(
        self, builder: Builder, shape: DataShape, batch_size: BatchSize = 8, digits: Count = 4, seed: DerivedSeed = 0
    ) -> None:
        self.builder, self.shape, self.digits, self.seed, self.batch_size = builder, shape, digits, seed, batch_size
        batch = shape.example(batch_size, torch.Generator().manual_seed(seed))
        self._batch = tuple(value.double() if value.is_floating_point() else value for value in batch)

    @torch.no_grad()
    def __call__(self, arch: Architecture) -> str:
        """The hash of an architecture: `probe:` and 32 hexadecimal digits."""
        network = self.builder.build(arch, self.shape, self.seed).double().eval()
        for name, tensor in network.named_parameters():
            self._draw(name, tensor)
        outputs = network(*self._batch)
        outputs = outputs - outputs.mean()
        spread = outputs.square().mean().sqrt()
        scaled = outputs / spread if bool(spread > 1e-9) else torch.zeros_like(outputs)
        rounded = (scaled * 10**self.digits).round().to(torch.int64)
        return f"probe:{hashlib.sha256(rounded.numpy().tobytes()).hexdigest()[:32]}"

    def _draw(self, name: str, tensor: Tensor) -> None:
        """Weights of one shape are equal, biases 0; the scales of norms stay 1."""
        if tensor.dim() < 2:
            tensor.fill_(0.0 if name.endswith("bias") else 1.0)
            return
        text = f"{self.seed}:{tuple(tensor.shape)}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        fan_in = math.prod(tensor.shape[1:])
        drawn = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(number))
        tensor.copy_(drawn * math.sqrt(2 / fan_in))
