import numpy as np
import pytest
import torch

from nag.networks import DataShape, NASBench101Builder, NASBench201Builder, NASBenchGraphBuilder, count_parameters
from nag.tasks import load_task

CIFAR = DataShape("images", 3, 10, 32, 32)


def count(builder, archs, shape=CIFAR):
    """Parameters of whole networks, which are built without memory for their weights."""
    with torch.device("meta"):
        return np.array([count_parameters(builder.build(arch, shape, 0)) for arch in archs])


def some_rows(table, count, seed=0):
    rows = np.random.default_rng(seed).choice(len(table), count, replace=False)
    return rows, table.space.to_architectures(table.dags[torch.from_numpy(rows)])


@pytest.mark.data
def test_all_cells_of_nasbench201_have_the_published_number_of_parameters():
    """The wiring is the same in all cells, so one network is built for each of the 210 multisets of operations."""
    table = load_task("nasbench201/cifar10").table
    kinds, first, kind_of = np.unique(table.dags.ops.sort(1).values.numpy(), axis=0, return_index=True, return_inverse=True)
    assert len(kinds) == 210
    counts = count(NASBench201Builder(), table.space.to_architectures(table.dags[torch.from_numpy(first)]))
    assert (counts[kind_of.ravel()] == np.round(table.measured["params_m"] * 1e6)).all()
    rows, archs = some_rows(table, 50)
    assert (count(NASBench201Builder(), archs) == np.round(table.measured["params_m"][rows] * 1e6)).all()
    hundred = DataShape("images", 3, 100, 32, 32)
    rows, archs = some_rows(table, 50, 1)
    assert (count(NASBench201Builder(), archs, hundred) == np.round(table.measured["params_m_cifar100"][rows] * 1e6)).all()


@pytest.mark.data
@pytest.mark.slow
def test_random_cells_of_nasbench101_have_the_published_number_of_parameters():
    table = load_task("nasbench101/cifar10").table
    rows, archs = some_rows(table, 2_000)
    assert (count(NASBench101Builder(), archs) == np.round(table.measured["params_m"][rows] * 1e6)).all()


@pytest.mark.parametrize(
    ("dataset", "hidden", "first", "last", "features", "classes"),
    [
        ("cora", 256, False, True, 1_433, 7),
        ("citeseer", 256, False, True, 3_703, 6),
        ("pubmed", 128, False, False, 500, 3),
        ("cs", 128, True, False, 6_805, 15),
        ("photo", 128, False, False, 745, 8),
        ("computers", 64, True, True, 767, 10),
        ("arxiv", 128, False, True, 128, 40),
        ("proteins", 256, True, True, 8, 112),
    ],
)
def test_graph_networks_have_the_published_number_of_parameters(dataset, hidden, first, last, features, classes):
    table = load_task(f"nas_bench_graph/{dataset}").table
    rows, archs = some_rows(table, 30)
    published = table.measured["params_m"][rows] * 1e6
    builder = NASBenchGraphBuilder(hidden, linear_first=first, linear_last=last)
    counts = count(builder, archs, DataShape("graph", features, classes))
    assert (counts == np.round(published)).all()


def test_graph_networks_of_physics_have_the_published_number_of_parameters_or_share_a_mean():
    """A twentieth of the table's entries are means over three runs, one of them with a network of half the width."""
    table = load_task("nas_bench_graph/physics").table
    rows, archs = some_rows(table, 120)
    published = table.measured["params_m"][rows] * 1e6

    def counts(hidden, first, last):
        builder = NASBenchGraphBuilder(hidden, linear_first=first, linear_last=last)
        return count(builder, archs, DataShape("graph", 8_415, 5))

    usual, half = counts(256, True, False), counts(128, False, False)
    means = (half + 2 * usual) / 3, (half + counts(256, False, False) + counts(256, True, True)) / 3
    same = np.abs(published - usual) < 0.5
    assert same.mean() > 0.85
    assert (same | np.any([np.abs(published - mean) < 0.5 for mean in means], axis=0)).mean() > 0.99
