import re
import textwrap
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

import nag.networks
from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.graphs import Architecture
from nag.networks import (
    Builder,
    DataShape,
    NASBench101Builder,
    NASBench201Builder,
    NASBenchGraphBuilder,
    builder_of,
    check_builder,
    count_parameters,
)
from nag.networks.nasbench101 import vertex_channels
from nag.spaces import list_spaces, load_space, sample_uniform, space_from_mapping

IMAGES = DataShape("images", 3, 7, 9, 12)
SIGNALS = DataShape("images", 1, 4, 1, 40)
GRAPH = DataShape("graph", 6, 5)
SMALL = {
    "nas_bench_graph": (NASBenchGraphBuilder(8), GRAPH),
    "nasbench101": (NASBench101Builder(4, 2, 1), IMAGES),
    "nasbench201": (NASBench201Builder(4, 1), IMAGES),
}


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(name, count=1, seed=0):
    space = load_space(name)
    return space.to_architectures(sample_uniform(space, count, seed))


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_a_function_of_the_seed_and_leave_the_global_generator_alone(name):
    builder, shape = SMALL[name]
    (arch,) = draw(name)
    before = torch.random.get_rng_state()
    first = builder.build(arch, shape, 5).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    again, other = builder.build(arch, shape, 5).state_dict(), builder.build(arch, shape, 6).state_dict()
    assert all(torch.equal(again[key], value) for key, value in first.items())
    assert any(not torch.equal(other[key], value) for key, value in first.items())


@pytest.mark.parametrize("name", SMALL)
def test_logits_have_one_row_an_example_and_one_column_a_class(name):
    builder, shape = SMALL[name]
    for arch in draw(name, 5):
        network = builder.build(arch, shape, 0)
        assert network.training
        assert network(*shape.example(6, rng())).shape == (6, shape.classes)


@pytest.mark.parametrize("name", ["nasbench101", "nasbench201"])
def test_one_dimensional_signals_are_images_of_height_one(name):
    for arch in draw(name, 5):
        logits = SMALL[name][0].build(arch, SIGNALS, 0)(*SIGNALS.example(6, rng()))
        assert logits.shape == (6, 4)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", SMALL)
def test_fingerprints_tell_options_apart_and_are_stable(name):
    builder = type(SMALL[name][0])()
    assert isinstance(builder, Builder)
    assert builder == builder_of(load_space(name))
    assert builder.fingerprint == type(SMALL[name][0])().fingerprint
    prints = {builder.fingerprint}
    for option, value in vars(builder).items():
        changed = (not value) if isinstance(value, bool) else value / 2 if isinstance(value, float) else 2 * value
        prints.add(replace(builder, **{option: changed}).fingerprint)
    assert len(prints) == 1 + len(vars(builder))


def test_a_space_without_networks_is_said_to_have_none():
    others = set(list_spaces()) - set(SMALL)
    assert others
    for name in others:
        with pytest.raises(InvalidRequest, match=r"cannot build networks of .*networks: my_package"):
            builder_of(load_space(name))


def test_vertices_share_the_channels_of_the_output():
    one = Architecture(("input", "conv3x3-bn-relu", "maxpool3x3", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert vertex_channels(one, 8, 9) == [8, 5, 4, 9]
    wired = Architecture(("input", "a", "b", "c", "output"), ((0, 1), (1, 2), (1, 3), (2, 4), (3, 4)))
    assert vertex_channels(wired, 8, 9) == [8, 5, 5, 4, 9]
    assert vertex_channels(Architecture(("input", "output"), ((0, 1),)), 8, 16) == [8, 16]


@pytest.mark.parametrize(
    ("builder", "shape", "arch", "message"),
    [
        (NASBench201Builder(), IMAGES, Architecture(("input", "skip", "output"), ((0, 1), (1, 2))), "'skip' cannot be built"),
        (NASBench101Builder(), IMAGES, Architecture(("input",), ()), "an input and an output"),
        (
            NASBench101Builder(),
            IMAGES,
            Architecture(("input", "maxpool3x3", "output"), ((0, 1), (0, 2))),
            "node 1 leads nowhere",
        ),
        (
            NASBenchGraphBuilder(),
            GRAPH,
            Architecture(("input", "gcn", "gcn", "output"), ((0, 1), (0, 2), (1, 2), (2, 3))),
            "exactly one other",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(builder, shape, arch, message):
    with pytest.raises(InvalidArchitecture, match=message):
        builder.build(arch, shape, 0)


def test_wrong_data_and_wrong_numbers_are_refused():
    with pytest.raises(InvalidRequest, match="reads images, not graph"):
        NASBench201Builder().build(draw("nasbench201")[0], GRAPH, 0)
    with pytest.raises(InvalidRequest, match="reads graph, not images"):
        NASBenchGraphBuilder().build(draw("nas_bench_graph")[0], IMAGES, 0)
    with pytest.raises(InvalidRequest, match="channels is 0"):
        NASBench201Builder(channels=0)
    with pytest.raises(InvalidRequest, match="multiple of 4"):
        NASBenchGraphBuilder(hidden=6)
    with pytest.raises(InvalidRequest, match="below 1"):
        NASBenchGraphBuilder(dropout=1.0)
    with pytest.raises(InvalidRequest, match="width is 0"):
        DataShape("images", 3, 10, 8, 0)
    with pytest.raises(InvalidRequest, match="kind is sound"):
        DataShape("sound", 3, 10)
    wide = Architecture(("input", *["maxpool3x3"] * 3, "output"), ((0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)))
    with pytest.raises(InvalidRequest, match="stem_channels"):
        NASBench101Builder(stem_channels=2).build(wide, IMAGES, 0)


def test_examples_are_a_function_of_the_generator():
    for shape in (IMAGES, GRAPH):
        for a, b in zip(shape.example(4, rng(1)), shape.example(4, rng(1)), strict=True):
            assert torch.equal(a, b)
    x, edges = GRAPH.example(9, rng())
    assert x.shape == (9, 6)
    assert edges.shape == (2, 36)
    assert 0 <= int(edges.min()) <= int(edges.max()) < 9
    pairs = {tuple(pair) for pair in edges.T.tolist()}
    assert pairs == {(v, u) for u, v in pairs}


def test_shared_and_frozen_parameters_are_counted_as_trained():
    layer = nn.Linear(3, 2)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == 8
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 6


def test_relabelled_nodes_of_a_graph_get_relabelled_logits():
    order = torch.randperm(10, generator=rng(2))
    x, edges = GRAPH.example(10, rng())
    place = torch.empty_like(order)
    place[order] = torch.arange(10)
    for arch in draw("nas_bench_graph", 10):
        network = NASBenchGraphBuilder(8).build(arch, GRAPH, 0).eval()
        torch.testing.assert_close(network(x[order], place[edges]), network(x, edges)[order], rtol=1e-4, atol=1e-5)


def test_a_large_graph_takes_memory_for_its_edges_only():
    shape = DataShape("graph", 4, 3)
    network = NASBenchGraphBuilder(4).build(load_space("nas_bench_graph").decode("0,1,2,3|gcn,gat,cheb,sage"), shape, 0)
    with torch.no_grad():  # a dense adjacency matrix would take 160 GB
        assert torch.isfinite(network.eval()(*shape.example(200_000, rng()))).all()


def test_the_builder_that_the_package_describes_works():
    code = textwrap.dedent(re.search(r"modules:\n\n(.*)\nIn a space file", nag.networks.__doc__, re.DOTALL)[1])
    names = {"nn": nn, "dataclass": dataclass, "Architecture": Architecture, "__name__": "mine"}
    names |= {name: getattr(nag.networks, name) for name in nag.networks.__all__}
    exec(code, names)
    builder = names["MyBuilder"](8)
    assert isinstance(builder, Builder)
    assert builder.fingerprint != names["MyBuilder"](4).fingerprint
    arch = Architecture(("input", "conv", "skip", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert builder.build(arch, IMAGES, 0)(*IMAGES.example(2, rng())).shape == (2, 7)


def described(shipped, **changes):
    return space_from_mapping({**load_space(shipped).description, **changes})


@pytest.mark.parametrize("name", SMALL)
def test_a_builder_is_chosen_by_what_a_space_is_and_not_by_its_name(name):
    """(W15)"""
    renamed = described(name, name="mine", title="A copy")
    assert builder_of(renamed, small=True) == builder_of(load_space(name), small=True)
    sums = {"name": name, "nodes": [3, 4], "edges": "free"}
    for other in (
        {**sums, "operations": {"conv": "parametric", "pool": "mergeable"}},
        {**sums, "operations": {"none": "parametric", "skip_connect": "zero"}},
        {**sums, "operations": {"nor_conv_3x3": "mergeable", "skip_connect": "identity"}},
        {**sums, "operations": {"nor_conv_3x3": "parametric"}, "inputs": {"default": "multiplied"}},
        {**sums, "operations": {"nor_conv_3x3": "parametric"}, "inputs": {"output": "concatenated"}},
        {**sums, "operations": {"conv3x3-bn-relu": "parametric"}},
        {**sums, "operations": {"gcn": "parametric", "skip": "identity"}, "inputs": {"output": "concatenated"}},
    ):
        with pytest.raises(InvalidRequest, match="cannot build networks"):
            builder_of(space_from_mapping(other))


def test_some_operations_of_a_family_are_enough():
    space = space_from_mapping(
        {"name": "own", "operations": {"nor_conv_3x3": "parametric", "none": "zero"}, "nodes": [3, 5], "edges": "free"}
    )
    assert builder_of(space) == NASBench201Builder()
    for arch in space.to_architectures(sample_uniform(space, 4, 0)):
        assert NASBench201Builder(4, 1).build(arch, IMAGES, 0)(*IMAGES.example(2, rng())).shape == (2, 7)


@pytest.mark.parametrize("builder", [NASBench101Builder(4, 2, 1), NASBench201Builder(4, 1), NASBenchGraphBuilder(8)])
@pytest.mark.parametrize("name", SMALL)
def test_a_builder_of_another_space_or_other_data_is_told_before_any_work(builder, name):
    shape = SMALL[name][1]
    if type(builder) is type(SMALL[name][0]):
        check_builder(builder, load_space(name), shape)
        with pytest.raises(InvalidRequest, match="reads"):
            check_builder(builder, load_space(name), GRAPH if shape is IMAGES else IMAGES)
    else:
        with pytest.raises(InvalidRequest) as caught:
            check_builder(builder, load_space(name), shape)
        assert caught.value.hint
