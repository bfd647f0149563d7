"""Graphs with labelled nodes that are generated here."""

from __future__ import annotations

import torch
from torch import Tensor

from nag.core.randomness import seeded
from nag.evaluation.data_sets.data_set import DataSet, Graph, Split, digest_of
from nag.evaluation.data_sets.splitting import Rows, stratified_rows
from nag.networks import DataShape

__all__ = ["graph_data_set", "load_karate", "load_sbm"]

_CLASSES, _BLOCK, _FEATURES = 6, 250, 32
_INSIDE, _ACROSS = 0.016, 0.0016
_SIGNAL = 0.25
_SEED = 0
_DECIMALS = 4


def load_sbm(seed: int) -> DataSet:
    """A stochastic block model (Holland, Laskey and Leinhardt 1983) with features that tell a little of the class.

    6 blocks of 250 nodes; two nodes are linked with probability 0.016 inside a block and 0.0016 across, which makes a
    mean degree of 6 with two thirds of the edges inside; 32 features, normal around a centre of the class. 900 nodes to
    train, 300 to validate, 300 to test. The graph is always the same one.

    Args:
        seed: Of the split.
    """
    from torch_geometric.utils import stochastic_blockmodel_graph  # takes seconds to import

    labels = torch.arange(_CLASSES).repeat_interleave(_BLOCK)
    rng = torch.Generator().manual_seed(_SEED)
    centres = _SIGNAL * torch.randn(_CLASSES, _FEATURES, generator=rng, dtype=torch.float64)
    x = centres[labels] + torch.randn(len(labels), _FEATURES, generator=rng, dtype=torch.float64)
    links = torch.full((_CLASSES, _CLASSES), _ACROSS).fill_diagonal_(_INSIDE)
    with seeded(_SEED):  # the library draws from the global state
        edges = stochastic_blockmodel_graph([_BLOCK] * _CLASSES, links)
    features = (x * 10**_DECIMALS).round().div(10**_DECIMALS).float()  # alike on all machines
    return graph_data_set("sbm", features, edges, labels, stratified_rows(labels, seed))


def load_karate(seed: int) -> DataSet:
    """Zachary's karate club (1977): 34 members in 4 communities, their numbers as features.

    20 to train, 7 to validate, 7 to test. Far too small to compare networks; good for trying things out.
    """
    from torch_geometric.datasets import KarateClub  # takes seconds to import

    data = KarateClub()[0]
    return graph_data_set("karate", data.x, data.edge_index, data.y, stratified_rows(data.y, seed), standardise=False)


def graph_data_set(
    name: str, x: Tensor, edge_index: Tensor, labels: Tensor, rows: Rows, standardise: bool = True, classes: int | None = None
) -> DataSet:
    """A data set of one graph.

    Args:
        name: Its name.
        x: Features, (n, F) float32.
        edge_index: (2, E) int64, each undirected edge in both directions.
        labels: (n,) int64.
        rows: The split.
        standardise: Whether each feature gets mean 0 and standard deviation 1 over the nodes that are trained on.
        classes: Number of classes; as many as the labels show if None.

    Raises:
        InvalidRequest: A part is too small, or parts overlap.

    Example:
        >>> import torch
        >>> from nag.evaluation.data_sets import graph_data_set, stratified_rows
        >>> labels = torch.arange(20) % 2
        >>> edges = torch.stack([torch.arange(20), torch.arange(20).roll(1)])
        >>> edges, rows = torch.cat([edges, edges.flip(0)], 1), stratified_rows(labels, seed=0)
        >>> graph_data_set("ring", torch.eye(20), edges, labels, rows).summary
        'a graph of 20 nodes, 20 features, 2 classes; 12 to train, 4 to validate, 4 to test'
    """
    rows = rows.check(labels, name)
    digest = digest_of([x, edge_index, labels, rows.train, rows.validation, rows.test], standardise)
    if standardise:
        std, mean = torch.std_mean(x[rows.train].double(), 0)
        x = ((x.double() - mean) / torch.where(std > 1e-8, std, torch.ones_like(std))).float()
    classes = int(labels.max()) + 1 if classes is None else classes
    alike = labels[edge_index[0]] == labels[edge_index[1]]
    features = {
        "nodes": len(x),
        "mean_degree": edge_index.shape[1] / len(x),
        "features": x.shape[1],
        "classes": classes,
        "homophily": float(alike.double().mean()) if len(alike) else 0.0,
    }
    return DataSet(
        name=name,
        shape=DataShape("graph", x.shape[1], classes),
        train=Split(rows.train, labels[rows.train]),
        validation=Split(rows.validation, labels[rows.validation]),
        test=Split(rows.test, labels[rows.test]),
        digest=digest,
        graph=Graph(x, edge_index),
        task_features={name: float(value) for name, value in features.items()},
    )
