"""The trial that trains nothing: a proxy's score of an architecture's network."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from nag.core.numbers import BatchSize, Count
from nag.core.progress import OnProgress, ignore_progress
from nag.core.signatures import checked
from nag.core.stopwatch import Stopwatch
from nag.evaluation.data_sets import DataSet
from nag.evaluation.trials.network_trial import NetworkTrial
from nag.evaluation.trials.trial import Measurement
from nag.graphs import Architecture
from nag.networks import Builder, count_parameters
from nag.proxies import Batch, Proxy, initialise_normal, list_proxies, proxy_named
from nag.spaces import SearchSpace

__all__ = ["LIMIT", "ProxyTrial", "batch_of"]

_FORMAT = "proxy-2"
LIMIT = 1e30
"""An infinite score, of either sign, counts as the worst one, minus this number: a store keeps finite numbers only."""


def batch_of(data: DataSet, size: int, seed: int) -> Batch:
    """Random examples of a data set's training part, with labels; all of them where it has no more than `size`.

    Args:
        data: The data set.
        size: B, number of images, or of nodes of the graph.
        seed: Of the choice.
    """
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:size]
    inputs, labels = data.train.inputs[chosen], data.train.labels[chosen]
    if data.graph is None:
        return Batch((inputs,), labels)
    return Batch((data.graph.x, data.graph.edge_index), labels, inputs)


@checked
@dataclass(frozen=True)
class ProxyTrial(NetworkTrial):
    """Scores the network of an architecture on one batch, by a proxy, averaged over initial weights.

    Small and picklable: the data are loaded by name, once in a process, where the trial runs. The batch is the same for all
    architectures and seeds. The scores of some proxies (`Proxy.functional` is false) see parts of a network that carry no
    signal; of functional twins the one that is measured first then speaks for all in a store that is keyed by functions.

    Args:
        space: The search space.
        data_set: Name of a data set, or the path of an `.npz` file or of an image folder.
        proxy: The proxy, or its name.
        builder: Makes the networks; None for the space's own.
        batch_size: Number of examples.
        initialisations: Number of initial weights that a score is averaged over.
        normal: Whether weights are drawn as published scores have them (`initialise_normal`) rather than left as built.
        device: Where the network runs, such as `cpu` or `cuda`.
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.
        split_seed: Seed of the data's split and of the batch.
        image_size: Height and width that the images of a folder are scaled to; None where all have one size.
        layout: Which axis of the images of an `.npz` file is which; None to tell by their shape.

    Raises:
        InvalidRequest: No such proxy, or a number is too small.

    Example:
        >>> from nag.evaluation import ProxyTrial
        >>> from nag.spaces import load_space
        >>> space = load_space("nasbench201")
        >>> trial = ProxyTrial(space, "digits", "params", batch_size=4)
        >>> trial.run(space.sample(1, seed=0)[0], seed=0).search_value > 0
        True
    """

    space: SearchSpace
    data_set: str
    proxy: Proxy | str = "naswot"
    builder: Builder | None = None
    batch_size: BatchSize = 64
    initialisations: Count = 1
    normal: bool = True
    device: str = "cpu"
    data_dir: str | Path | None = None
    split_seed: int = 0
    image_size: int | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.proxy, str):
            object.__setattr__(self, "proxy", proxy_named(self.proxy))

    @property
    def used_proxy(self) -> Proxy:
        """The proxy."""
        return proxy_named(self.proxy) if isinstance(self.proxy, str) else self.proxy

    @property
    def fingerprint(self) -> str:
        """Digest of all that a score depends on but architecture and seed: proxy, data and batch, builder, weights, space."""
        data = self.load_data()
        batch = (data.name, data.digest, self.split_seed, self.batch_size)
        weights = (self.used_builder.fingerprint, self.initialisations, self.normal, torch.device(self.device).type)
        parts = (_FORMAT, self.space.fingerprint, _identity(self.used_proxy), batch, weights)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def run(self, arch: Architecture, seed: int, on_progress: OnProgress = ignore_progress) -> Measurement:
        """Scores one architecture.

        Args:
            arch: The architecture.
            seed: Of initial weights, and of what else a proxy draws.
            on_progress: Called after each initialisation with the share that is done.

        Returns:
            The score as search value (minus `LIMIT` for an infinite one), `params` beside, and no report value.

        Raises:
            InvalidArchitecture: It is not in the space, or cannot be built.
            InvalidRequest: The network does not fit the data.
            MissingData: The data are not at hand.
        """
        self.space.validate(arch)
        data, proxy, clock = self.load_data(), self.used_proxy, Stopwatch()
        batch = batch_of(data, self.batch_size, self.split_seed).to(self.device)
        rng, scores = torch.Generator().manual_seed(seed), []
        for number in range(self.initialisations if proxy.random_weights else 1):
            if number == 0 or not self.normal:
                weights_seed = seed if number == 0 else int(torch.randint(2**62, (), generator=rng))
                network = self.used_builder.build(arch, data.shape, weights_seed).to(self.device)
            if self.normal:
                initialise_normal(network, rng)
            scores.append(proxy(network, batch, rng))
            on_progress((number + 1) / self.initialisations)
        return Measurement(
            search_value=_finite(scores),
            side={"params": float(count_parameters(network))},
            cpu_seconds=clock.cpu,
            gpu_seconds=0.0 if torch.device(self.device).type == "cpu" else clock.wall,
        )


def _finite(scores: Sequence[float]) -> float:
    """Mean of finite scores; the worst score if one is infinite."""
    return -LIMIT if any(map(math.isinf, scores)) else min(max(fmean(scores), -LIMIT), LIMIT)


def _identity(proxy: Proxy) -> str:
    """What tells a proxy from others: the name of its function, and the source of one that is not of this package."""
    name = f"{proxy.score.__module__}.{proxy.score.__qualname__}"
    if list_proxies().get(proxy.name) == proxy:
        return name
    try:
        return f"{name} {inspect.getsource(proxy.score)}"
    except (OSError, TypeError):
        return name
