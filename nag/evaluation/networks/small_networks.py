"""Learning curves that are measured here and now: small networks trained on the digits that come with scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import cross_entropy

from nag.core.errors import InvalidRequest
from nag.core.progress import OnProgress, ignore_progress
from nag.tasks.tables.curves import CurveTable

__all__ = ["train_small_networks"]

_WIDTHS = (4, 8, 16, 32, 64)
_MAX_DEPTH = 4
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
_RATES = (10**-3.5, 10**-1.5)
_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_CLASSES = 10


@dataclass(frozen=True)
class _Network:
    """A fully connected classifier: hidden layers, their width, activation, learning rate of Adam, seed of its weights."""

    depth: int
    width: int
    activation: str
    rate: float
    seed: int

    @property
    def sizes(self) -> list[int]:
        return [64, *[self.width] * self.depth, _CLASSES]

    def parameters(self) -> list[Tensor]:
        """Weights (in, out) and biases (1, out) of each layer, uniform in +-1 / sqrt(in)."""
        rng = torch.Generator().manual_seed(self.seed)
        shapes = [shape for i, o in zip(self.sizes, self.sizes[1:], strict=False) for shape in ((i, i, o), (i, 1, o))]
        return [(2 * torch.rand(rows, out, generator=rng) - 1) / math.sqrt(fan_in) for fan_in, rows, out in shapes]

    def statistics(self) -> dict[str, float]:
        """The features of the table."""
        params = sum(i * o + o for i, o in zip(self.sizes, self.sizes[1:], strict=False))
        return {
            "depth": self.depth,
            "log_width": math.log(self.width),
            **{name: float(self.activation == name) for name in _ACTIVATIONS},
            "log_rate": math.log(self.rate),
            "log_params": math.log(params),
        }


def train_small_networks(
    rng: torch.Generator,
    count: int = 100,
    epochs: int = 30,
    batch_size: int = 64,
    on_progress: OnProgress = ignore_progress,
) -> CurveTable:
    """Trains random classifiers of 8x8 digits with Adam (Kingma and Ba 2015) and records their validation losses.

    Depth (1 to 4 hidden layers), width (4 to 64), activation and learning rate (10^-3.5 to 10^-1.5) are drawn uniformly,
    the last one in logarithms. The 1,797 images are split at random, 60 % to train, 20 % to validate, 20 % to test; all
    networks see the same batches. Networks of equal depth, width and activation share a group. All runs of one shape are
    trained at once; 100 networks take some 12 CPU-seconds for 30 epochs. A smaller draw is the beginning of a larger one, up
    to rounding.

    Args:
        rng: Source of networks, split and batches, on the CPU.
        count: R, the number of networks.
        epochs: E, epochs of training, all of them recorded.
        batch_size: Images in a batch.
        on_progress: Called now and then with the share that is done, 0 to 1.

    Returns:
        Curves of the validation loss and, as the final value, the test loss after the last epoch, both in nats an image.

    Raises:
        InvalidRequest: A number is less than 1.
    """
    if min(count, epochs, batch_size) < 1:
        raise InvalidRequest(f"no {count} networks for {epochs} epochs in batches of {batch_size}", "All count from 1.")
    data = _Digits.load(rng)
    batches = [torch.randperm(len(data.train), generator=rng).split(batch_size) for _ in range(epochs)]
    networks = [_draw(rng) for _ in range(count)]
    values, final = np.zeros((count, epochs)), np.zeros(count)
    done = 0
    for shape in sorted({(network.depth, network.width) for network in networks}):
        rows = [i for i, network in enumerate(networks) if (network.depth, network.width) == shape]
        rows.sort(key=lambda i: networks[i].activation)
        values[rows], final[rows] = _train([networks[i] for i in rows], data, batches)
        done += len(rows)
        on_progress(done / count)
    kinds = [(network.depth, network.width, network.activation) for network in networks]
    statistics = [network.statistics() for network in networks]
    return CurveTable(
        name="small_networks",
        budgets=np.arange(1.0, epochs + 1),
        values=values,
        final=final,
        maximise=False,
        groups=np.array([sorted(set(kinds)).index(kind) for kind in kinds], dtype=np.int64),
        features=np.array([list(found.values()) for found in statistics], dtype=np.float64),
        feature_names=tuple(statistics[0]),
        perfect=0.0,
    )


@dataclass(frozen=True)
class _Part:
    """Images (n, 64) float in 0..1 and their classes (n,) int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class _Digits:
    train: _Part
    validation: _Part
    test: _Part

    @classmethod
    def load(cls, rng: torch.Generator) -> _Digits:
        """The digits in a random split."""
        images, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
        order = torch.randperm(len(labels), generator=rng)
        few = len(order) // 5
        parts = order.split([len(order) - 2 * few, few, few])
        return cls(*(_Part(images[part].float() / 16, labels[part].long()) for part in parts))


def _draw(rng: torch.Generator) -> _Network:
    where = torch.rand(4, generator=rng).tolist()
    low, high = map(math.log, _RATES)
    return _Network(
        depth=1 + int(where[0] * _MAX_DEPTH),
        width=_WIDTHS[int(where[1] * len(_WIDTHS))],
        activation=tuple(_ACTIVATIONS)[int(where[2] * len(_ACTIVATIONS))],
        rate=math.exp(low + (high - low) * where[3]),
        seed=int(torch.randint(2**31, (1,), generator=rng)),
    )


def _train(networks: Sequence[_Network], data: _Digits, batches: Sequence[Sequence[Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Trains n networks of one depth and width, sorted by activation: validation losses (n, E) and test losses (n,)."""
    parameters = [torch.stack(layer).requires_grad_() for layer in zip(*(n.parameters() for n in networks), strict=True)]
    rates = torch.tensor([network.rate for network in networks])[:, None, None]
    activations = [network.activation for network in networks]
    counts = {name: activations.count(name) for name in dict.fromkeys(activations)}
    adam = _Adam.fresh(parameters)
    curve = []
    for order in batches:
        for batch in order:
            part = _Part(data.train.images[batch], data.train.labels[batch])
            gradients = torch.autograd.grad(_losses(parameters, counts, part).sum(), parameters)
            adam.step(parameters, gradients, rates)
        with torch.no_grad():
            curve.append(_losses(parameters, counts, data.validation).double().numpy())
    with torch.no_grad():
        return np.stack(curve, 1), _losses(parameters, counts, data.test).double().numpy()


def _losses(parameters: Sequence[Tensor], counts: dict[str, int], part: _Part) -> Tensor:
    """Mean cross-entropy of each network: (n,)."""
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    hidden = part.images.expand(len(parameters[0]), -1, -1)
    for weights, biases in layers[:-1]:
        pieces = torch.baddbmm(biases, hidden, weights).split(list(counts.values()))
        hidden = torch.cat([_ACTIVATIONS[name](piece) for name, piece in zip(counts, pieces, strict=True)])
    weights, biases = layers[-1]
    logits = torch.baddbmm(biases, hidden, weights)
    losses = cross_entropy(logits.flatten(0, 1), part.labels.repeat(len(logits)), reduction="none")
    return losses.view(len(logits), -1).mean(1)


@dataclass
class _Adam:
    """Adam's moments of each parameter, whose first dimension counts networks with learning rates of their own."""

    first: list[Tensor]
    second: list[Tensor]
    steps: int = 0

    @classmethod
    def fresh(cls, parameters: Sequence[Tensor]) -> _Adam:
        return cls([torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters])

    @torch.no_grad()
    def step(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], rates: Tensor) -> None:
        """One step in place; rates: (n, 1, 1)."""
        self.steps += 1
        unbias = [1 - beta**self.steps for beta in _BETAS]
        for p, g, m, v in zip(parameters, gradients, self.first, self.second, strict=True):
            m.lerp_(g, 1 - _BETAS[0])
            v.lerp_(g.square(), 1 - _BETAS[1])
            p -= rates * (m / unbias[0]) / ((v / unbias[1]).sqrt() + _EPSILON)
