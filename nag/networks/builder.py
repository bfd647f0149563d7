"""The builder: from an architecture to a network with weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from nag.core.errors import InvalidArchitecture, did_you_mean
from nag.graphs import Architecture
from nag.networks.shape import DataShape

__all__ = ["Builder", "check_operations", "count_parameters", "options_fingerprint", "seeded"]


@runtime_checkable
class Builder(Protocol):
    """Turns architectures into networks: logits (B, classes) of images, or (n, classes) of a graph's nodes."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything but architecture, shape and seed that a network depends on."""
        ...

    def build(self, arch: Architecture, shape: DataShape, seed: int) -> nn.Module:
        """A network in training mode.

        Args:
            arch: The architecture.
            shape: What the network reads and writes.
            seed: The initial weights are a function of it and of the other arguments alone; the global state of random
                numbers stays as it is.

        Returns:
            A module that takes the tensors of `shape.example` and returns logits.

        Raises:
            InvalidArchitecture: The architecture has an operation, or a wiring, that the builder does not know.
            InvalidRequest: The builder does not read data of this shape.
        """
        ...


def count_parameters(module: nn.Module) -> int:
    """Number of trainable parameters, shared ones once; a module on the `meta` device will do."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def options_fingerprint(builder: object) -> str:
    """Digest of a frozen dataclass: its module, its name and its options."""
    return hashlib.sha256(f"{type(builder).__module__}.{builder!r}".encode()).hexdigest()[:32]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Modules that are made inside, on the CPU, get weights of this seed; the global generator is restored afterwards.

    There is one such generator in a process, so two threads must not build at the same time.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)  # torch.manual_seed would seed accelerators too
        yield


def check_operations(arch: Architecture, known: Iterable[str]) -> None:
    """Raises `InvalidArchitecture` unless the architecture leads from an input to an output by known operations."""
    if arch.num_nodes < 2 or arch.ops[0] != "input" or arch.ops[-1] != "output":
        raise InvalidArchitecture("a network needs an input and an output", "They are the first and the last node.")
    known = set(known)
    for op in arch.ops[1:-1]:
        if op not in known:
            raise InvalidArchitecture(f"operation '{op}' cannot be built", did_you_mean(op, known))
