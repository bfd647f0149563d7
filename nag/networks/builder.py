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
    """Turns architectures into networks: logits (B, classes) of images, or (n, classes) of a graph's nodes.

    Example:
        >>> from dataclasses import dataclass
        >>> from torch import nn
        >>> from nag.networks import Builder, DataShape, options_fingerprint
        >>> from nag.spaces import load_space
        >>> @dataclass(frozen=True)
        ... class Linear(Builder):
        ...     @property
        ...     def fingerprint(self):
        ...         return options_fingerprint(self)
        ...     def build(self, arch, shape, seed):
        ...         return nn.Sequential(nn.Flatten(), nn.LazyLinear(shape.classes))
        >>> arch = load_space("nasbench201").sample(1, seed=0)[0]
        >>> Linear().build(arch, DataShape("images", 1, 10, 8, 8), seed=0)[1]
        LazyLinear(in_features=0, out_features=10, bias=True)
    """

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
    """Number of trainable parameters, shared ones once; a module on the `meta` device will do.

    Example:
        >>> from torch import nn
        >>> from nag.networks import count_parameters
        >>> count_parameters(nn.Linear(3, 2))
        8
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def options_fingerprint(builder: object) -> str:
    """Digest of a frozen dataclass: its module, its name and its options.

    Example:
        >>> from nag.networks import NASBench201Builder, options_fingerprint
        >>> options_fingerprint(NASBench201Builder(channels=8)) == options_fingerprint(NASBench201Builder(channels=16))
        False
    """
    return hashlib.sha256(f"{type(builder).__module__}.{builder!r}".encode()).hexdigest()[:32]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Modules that are made inside, on the CPU, get weights of this seed; the global generator is restored afterwards.

    There is one such generator in a process, so two threads must not build at the same time.

    Example:
        >>> from torch import nn
        >>> from nag.networks import seeded
        >>> with seeded(0):
        ...     first = nn.Linear(1, 1)
        >>> with seeded(0):
        ...     again = nn.Linear(1, 1)
        >>> bool(first.weight == again.weight)
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)  # torch.manual_seed would seed accelerators too
        yield


def check_operations(arch: Architecture, known: Iterable[str]) -> None:
    """Raises `InvalidArchitecture` unless the architecture leads from an input to an output by known operations.

    Example:
        >>> from nag.graphs import Architecture
        >>> from nag.networks import check_operations
        >>> check_operations(Architecture(("input", "blur", "output"), ((0, 1), (1, 2))), known=("conv",))
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidArchitecture: operation 'blur' cannot be built. Known: conv.
    """
    if arch.num_nodes < 2 or arch.ops[0] != "input" or arch.ops[-1] != "output":
        raise InvalidArchitecture("a network needs an input and an output", "They are the first and the last node.")
    known = set(known)
    for op in arch.ops[1:-1]:
        if op not in known:
            raise InvalidArchitecture(f"operation '{op}' cannot be built", did_you_mean(op, known))
