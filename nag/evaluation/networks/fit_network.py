"""Training one network on one data set, by Lightning Fabric."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nag.core.progress import OnProgress, ignore_progress
from nag.core.stopwatch import Stopwatch
from nag.evaluation.data_sets import DataSet, Split
from nag.evaluation.networks.augmentation import augmentation_named
from nag.evaluation.networks.network_training import NetworkTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["FittedNetwork", "batch_rows", "fit_network", "measure_network"]

_BATCH_OF_MEASURING = 1024
_SECONDS_BETWEEN_NEWS = 0.5
_STREAM = 1_000_003  # keeps the seeds of batches apart from those of initial weights


@dataclass(frozen=True)
class FittedNetwork:
    """A network after its training.

    Args:
        network: The network, in evaluation mode, on the device that it was trained on.
        curve: One mapping an epoch: `epoch` from 1, `train_loss` (nats an example, as trained on, smoothing included),
            `train_accuracy` (percent, as the batches came), `validation_loss`, `validation_accuracy`, `learning_rate`
            (of the last step) and `cpu_seconds` (of the process since the start).
        diverged: Whether the loss became infinite or no number; training ended there.
    """

    network: nn.Module
    curve: list[dict[str, float]]
    diverged: bool


def fit_network(
    network: nn.Module,
    data: DataSet,
    options: NetworkTraining,
    seed: int,
    fabric: Fabric,
    on_progress: OnProgress = ignore_progress,
) -> FittedNetwork:
    """Trains a network, in place.

    On a CPU with a given number of threads the result is a function of the arguments; the global state of random numbers is
    neither used nor changed. There is one such state in a process, so two threads must not train at the same time.

    Args:
        network: Takes `data.inputs(part)` and returns logits.
        data: On any device; it is moved to Fabric's as a whole.
        options: How to train.
        seed: Of the order of the images, their augmentation, and dropout.
        fabric: The device and the precision.
        on_progress: Called now and then, and after each epoch, with the share that is done.
    """
    training = _Training(network, data.to(fabric.device), options, seed, fabric, _News(on_progress))
    with _seeded((seed * _STREAM + 2) % 2**63, fabric.device):
        for epoch in range(1, options.epochs + 1):
            if not training.epoch(epoch):
                break
    return FittedNetwork(network.eval(), training.curve, training.diverged)


class _Training:
    """The training of a network that is under way.

    Args:
        network: The network.
        data: On Fabric's device.
        options: How to train.
        seed: Of the order of the images and their augmentation.
        fabric: The device and the precision.
        news: Called with the progress.
    """

    def __init__(
        self, network: nn.Module, data: DataSet, options: NetworkTraining, seed: int, fabric: Fabric, news: _News
    ) -> None:
        self.curve: list[dict[str, float]] = []
        self._clock, self._news = Stopwatch(), news
        self._data, self._options, self._fabric = data, options, fabric
        self._model, self._optimizer = _set_up(network, options, fabric)
        self._rng = torch.Generator(device=fabric.device).manual_seed((seed * _STREAM + 1) % 2**63)
        batches = 1 if data.graph is not None else len(batch_rows(len(data.train), options.batch_size))
        self._step, self._steps, self._rate = 0, options.epochs * batches, options.learning_rate

    @property
    def diverged(self) -> bool:
        """Whether the last loss is not finite."""
        return not (math.isfinite(self.curve[-1]["train_loss"]) and math.isfinite(self.curve[-1]["validation_loss"]))

    def epoch(self, number: int) -> bool:
        """Trains for an epoch and measures; whether the loss is still finite."""
        self._model.train()
        seen = torch.zeros(2, device=self._fabric.device, dtype=torch.float64)
        for part in _training_batches(self._data, self._options, self._rng):
            seen += self._learn(part)
            self._news.tell(self._step / self._steps)
        trained = (seen / len(self._data.train)).tolist()
        held_out = measure_network(self._model, self._data, self._data.validation).tolist()
        self.curve.append(
            {
                "epoch": float(number),
                "train_loss": trained[0],
                "train_accuracy": 100 * trained[1],
                "validation_loss": held_out[0],
                "validation_accuracy": held_out[1],
                "learning_rate": self._rate,
                "cpu_seconds": self._clock.cpu,
            }
        )
        self._news.tell(self._step / self._steps, now=True)
        return math.isfinite(trained[0])

    def _learn(self, part: Split) -> Tensor:
        """A step of the optimiser; see `_sums`."""
        options = self._options
        self._rate = options.rate(self._step, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate
        logits = self._data.logits_of(part, self._model(*self._data.inputs(part)))
        loss = cross_entropy(logits, part.labels, label_smoothing=options.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        if options.gradient_clip:  # a check for finite gradients would wait for the device in every step
            self._fabric.clip_gradients(self._model, self._optimizer, max_norm=options.gradient_clip, error_if_nonfinite=False)
        self._optimizer.step()
        self._step += 1
        return _sums(loss.detach(), logits.detach(), part)


@torch.no_grad()
def measure_network(network: nn.Module, data: DataSet, split: Split) -> Tensor:
    """Mean loss, in nats an example, and accuracy, in percent, on a part of the data: (2,) float64, on their device.

    Leaves the network in evaluation mode.
    """
    network.eval()
    found = torch.zeros(2, device=split.labels.device, dtype=torch.float64)
    for part in _measuring_batches(data, split):
        logits = data.logits_of(part, network(*data.inputs(part)))
        found += _sums(cross_entropy(logits, part.labels), logits, part)
    return found / len(split) * torch.tensor([1.0, 100.0], device=found.device)


def batch_rows(count: int, batch_size: int) -> list[slice]:
    """Cuts examples into batches of at least two, as batch normalisation needs them: a last single one joins its neighbour."""
    starts = list(range(0, count, batch_size))
    if count % batch_size == 1 and len(starts) > 1:
        starts.pop()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], count], strict=True)]


def _training_batches(data: DataSet, options: NetworkTraining, rng: torch.Generator) -> Iterator[Split]:
    """The images in a random order, augmented; or the nodes of the graph, all at once."""
    if data.graph is not None:
        yield data.train
        return
    augment = augmentation_named(options.augmentation)
    order = torch.randperm(len(data.train), generator=rng, device=rng.device)
    for rows in batch_rows(len(data.train), options.batch_size):
        chosen = order[rows]
        yield Split(augment(data.train.inputs[chosen], options.padding, rng), data.train.labels[chosen])


def _measuring_batches(data: DataSet, split: Split) -> Iterator[Split]:
    if data.graph is not None:
        yield split
        return
    for start in range(0, len(split), _BATCH_OF_MEASURING):
        rows = slice(start, start + _BATCH_OF_MEASURING)
        yield Split(split.inputs[rows], split.labels[rows])


def _sums(loss: Tensor, logits: Tensor, part: Split) -> Tensor:
    """Sum of the losses and number of right answers in a batch, without waiting for the device: (2,) float64."""
    right = (logits.argmax(1) == part.labels).sum()
    return torch.stack([loss.double() * len(part), right.double()])


def _set_up(network: nn.Module, options: NetworkTraining, fabric: Fabric) -> tuple[nn.Module, torch.optim.Optimizer]:
    network.to(fabric.device)
    optimizer = options.make_optimizer(network)
    model = torch.compile(network) if options.compile else network
    assert isinstance(model, nn.Module)
    wrapped, stepper = fabric.setup(model, optimizer)
    return wrapped, stepper


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Gives layers that draw from the global state (dropout) a state of their own, and restores it."""
    gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if gpu else []):
        torch.random.default_generator.manual_seed(seed)
        if gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


class _News:
    """Tells the share that is done, but not more often than listeners can bear."""

    def __init__(self, listener: OnProgress) -> None:
        self._listener, self._last = listener, time.monotonic()

    def tell(self, share: float, now: bool = False) -> None:
        if now or time.monotonic() - self._last > _SECONDS_BETWEEN_NEWS:
            self._listener(share)
            self._last = time.monotonic()
