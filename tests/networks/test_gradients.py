"""Every network runs forward and backward with finite numbers, those that ignore their input too."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from nag.networks import DataShape, NASBench101Builder, NASBench201Builder, NASBenchGraphBuilder
from nag.spaces import load_space, sample_uniform

IMAGES = DataShape("images", 3, 10, 8, 8)
GRAPH = DataShape("graph", 6, 5)
CELLS = NASBench201Builder(4, 1)


def run(builder, arch, shape, examples=4):
    """Logits of a training step, after it was seen that they and all gradients are finite."""
    rng = torch.Generator().manual_seed(0)
    network = builder.build(arch, shape, 0)
    logits = network(*shape.example(examples, rng))
    cross_entropy(logits, torch.randint(shape.classes, (examples,), generator=rng)).backward()
    gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    assert torch.isfinite(torch.cat([logits.detach().flatten(), *gradients])).all(), arch
    assert network.get_submodule("classifier").bias.grad is not None
    return logits.detach()


def is_live(arch):
    """Whether a path without `none` leads from the input to the output."""
    live = {0}
    for u, v in arch.edges:  # sorted by the earlier node, and nodes stand in topological order
        if u in live and arch.ops[v] != "none":
            live.add(v)
    return arch.num_nodes - 1 in live


@pytest.mark.slow
def test_every_canonical_class_of_nasbench201(whole):
    space, dags = whole("nasbench201")
    first = {}
    for row, digest in enumerate(space.canonical_hashes(dags)):
        first.setdefault(digest, row)
    assert len(first) == 5_260
    for arch in space.to_architectures(dags[torch.tensor(list(first.values()))]):
        logits = run(CELLS, arch, IMAGES)
        assert (logits == logits[0]).all() == (not is_live(arch))


def test_cells_of_nasbench201_that_ignore_their_input(whole):
    space, dags = whole("nasbench201")
    dead = [arch for arch in space.to_architectures(dags) if not is_live(arch)]
    assert len(dead) > 300
    for arch in dead[::3]:
        logits = run(CELLS, arch, IMAGES)
        assert (logits == logits[0]).all()


@pytest.mark.slow
def test_random_cells_of_nasbench101():
    space, builder = load_space("nasbench101"), NASBench101Builder(8, 3, 1)
    for arch in space.to_architectures(sample_uniform(space, 2_000, 0)):
        run(builder, arch, IMAGES)


@pytest.mark.slow
def test_random_networks_of_nas_bench_graph():
    space, builder = load_space("nas_bench_graph"), NASBenchGraphBuilder(8)
    for arch in space.to_architectures(sample_uniform(space, 2_000, 0)):
        run(builder, arch, GRAPH, 12)


@pytest.mark.parametrize(
    ("name", "builder", "shape"),
    [
        ("nasbench101", NASBench101Builder(8, 3, 1), IMAGES),
        ("nasbench201", CELLS, IMAGES),
        ("nas_bench_graph", NASBenchGraphBuilder(8, linear_first=True, linear_last=True), GRAPH),
    ],
)
def test_a_few_of_each_space(name, builder, shape):
    space = load_space(name)
    for arch in space.to_architectures(sample_uniform(space, 40, 1)):
        run(builder, arch, shape)
