"""Networks of NAS-Bench-Graph (Qin et al., NeurIPS 2022): graph neural networks that classify nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.core.numbers import Count, FractionBelowOne
from nag.core.signatures import checked
from nag.graphs import Architecture
from nag.networks.builder import Builder, check_operations, options_fingerprint, seeded
from nag.networks.cell import sources_of
from nag.networks.shape import DataShape

__all__ = ["LAYERS", "NASBenchGraphBuilder"]

_HEADS = 4


class _Pointwise(nn.Module):
    """A layer that looks at each node alone."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.layer(x)


def _convolutions() -> ModuleType:
    import torch_geometric.nn  # takes seconds: for those who build such networks only

    return torch_geometric.nn


LAYERS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "gat": lambda inputs, outputs: _convolutions().GATConv(inputs, outputs // _HEADS, _HEADS),
    "gcn": lambda inputs, outputs: _convolutions().GCNConv(inputs, outputs),
    "gin": lambda inputs, outputs: _convolutions().GINConv(nn.Linear(inputs, outputs)),
    "cheb": lambda inputs, outputs: _convolutions().ChebConv(inputs, outputs, K=2),
    "sage": lambda inputs, outputs: _convolutions().SAGEConv(inputs, outputs),
    "arma": lambda inputs, outputs: _convolutions().ARMAConv(inputs, outputs),
    "graph": lambda inputs, outputs: _convolutions().GraphConv(inputs, outputs),
    "fc": lambda inputs, outputs: _Pointwise(nn.Linear(inputs, outputs)),
    "skip": lambda inputs, outputs: _Pointwise(nn.Identity()),
}
"""Operation -> makes its module, called with node features and edges, from the numbers of input and output features."""


class _GraphNetwork(nn.Module):
    """A tree of layers; each reads normalised, activated features of its one source, or the raw features as they are."""

    def __init__(self, arch: Architecture, shape: DataShape, options: NASBenchGraphBuilder) -> None:
        super().__init__()
        hidden, first = options.hidden, options.linear_first
        self.sources = sources_of(arch)
        self.first = nn.Linear(shape.channels, hidden) if first else nn.Identity()
        widths, self.raw = [hidden if first else shape.channels], [not first]
        for op, (source,) in zip(arch.ops[1:-1], self.sources[1:-1], strict=True):
            self.raw.append(self.raw[source] and op == "skip")
            widths.append(widths[source] if op == "skip" else hidden)
        self.layers = nn.ModuleList(
            LAYERS[op](widths[source], hidden) for op, (source,) in zip(arch.ops[1:-1], self.sources[1:-1], strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in self.layers)
        self.relu, self.dropout = nn.ReLU(), nn.Dropout(options.dropout)
        joined = sum(widths[leaf] for leaf in self.sources[-1])
        self.join = nn.Linear(joined, hidden) if options.linear_last else nn.Identity()
        self.classifier = nn.Linear(hidden if options.linear_last else joined, shape.classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Node features (n, F) and edges (2, E) to logits (n, classes)."""
        values = [self.first(self.dropout(x))]
        for (source,), layer, norm in zip(self.sources[1:-1], self.layers, self.norms, strict=True):
            value = values[source]
            if not self.raw[source]:
                value = self.dropout(self.relu(norm(value)))
            values.append(layer(value, edge_index))
        leaves = torch.cat([values[leaf] for leaf in self.sources[-1]], 1)
        return self.classifier(self.join(self.relu(leaves)))


@checked
@dataclass(frozen=True)
class NASBenchGraphBuilder(Builder):
    """The published skeleton: four layers in a tree, whose leaves are concatenated, activated and classified.

    Each layer reads its source after batch normalisation, ReLU and dropout, but raw features as they are (after dropout).
    Attention has 4 heads, whose outputs are concatenated; Chebyshev polynomials have order 2. As in the published networks
    each layer owns a normalisation, even where it reads raw features and leaves it unused, so that `count_parameters` is the
    benchmark's number with the benchmark's sizes: `hidden` 256 on cora, citeseer, physics and proteins, 128 on pubmed, cs,
    photo and arxiv, 64 on computers; `linear_first` on cs, physics, computers and proteins; `linear_last` on cora, citeseer,
    computers, arxiv and proteins. Such parameters, and one weight of each ARMA layer, never get a gradient.

    Messages pass along a list of edges: memory grows with edges x features, never with the square of the nodes.

    Args:
        hidden: Features of each layer, a multiple of 4.
        dropout: Probability of dropping a feature, 0 <= p < 1.
        linear_first: Whether a linear layer comes before the tree.
        linear_last: Whether a linear layer stands between tree and classifier.

    Raises:
        InvalidRequest: A number out of range.

    Example:
        >>> import torch
        >>> from nag.networks import DataShape, NASBenchGraphBuilder
        >>> from nag.spaces import load_space
        >>> arch = load_space("nas_bench_graph").sample(1, seed=0)[0]
        >>> network = NASBenchGraphBuilder(hidden=8).build(arch, DataShape("graph", 5, 3), seed=0)
        >>> network(torch.zeros(4, 5), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 3])
    """

    hidden: Count = 128
    dropout: FractionBelowOne = 0.5
    linear_first: bool = False
    linear_last: bool = False

    def __post_init__(self) -> None:
        if self.hidden % _HEADS:
            raise InvalidRequest(f"hidden is {self.hidden}", f"Attention has {_HEADS} heads: use a multiple of {_HEADS}.")

    @property
    def fingerprint(self) -> str:
        """Digest of the options."""
        return options_fingerprint(self)

    def build(self, arch: Architecture, shape: DataShape, seed: int) -> nn.Module:
        """A network of one graph, features (n, F) and edges (2, E) to logits (n, classes); see `Builder.build`."""
        shape.require("graph", self)
        check_operations(arch, LAYERS)
        sources = sources_of(arch)
        if any(len(found) != 1 for found in sources[1:-1]) or not sources[-1]:
            raise InvalidArchitecture("a layer does not read exactly one other", "The layers must form a tree.")
        with seeded(seed):
            return _GraphNetwork(arch, shape, self)
