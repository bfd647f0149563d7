"""Compiled denoisers predict what plain ones predict."""

import pytest
import torch

from nag.core.errors import InvalidRequest
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule, UniformGenerator, accelerate
from nag.graphs import random_layered_dags
from nag.spaces import enumerate_space, layered_space


def generator_of(space, data, conditions=()):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = DiscreteGenerator(
            space, data, AbsorbingKernel(), LinearSchedule(), width=16, layers=2, heads=2, conditions=conditions
        )
    return made.eval()


@pytest.fixture
def uncompiled():
    """Compiled functions run as they are: compiling for a CPU takes minutes."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.parametrize("count", [1, 5, 2047, 2049])
def test_batches_of_any_size_are_sampled_as_by_the_plain_denoiser(tiny, count, uncompiled):
    data = enumerate_space(tiny)
    plain = generator_of(tiny, data).sample(count, torch.Generator().manual_seed(1), 2)
    fast = accelerate(generator_of(tiny, data)).sample(count, torch.Generator().manual_seed(1), 2)
    assert torch.equal(plain.ops, fast.ops)
    assert torch.equal(plain.adjacency, fast.adjacency)


def test_few_shapes_reach_the_compiler(tiny, uncompiled):
    generator = accelerate(generator_of(tiny, enumerate_space(tiny), ("a",)))
    shapes = set()
    generator.denoiser.network.register_forward_pre_hook(lambda module, args: shapes.add(args[0].shape))
    rng = torch.Generator().manual_seed(0)
    for count in (1, 100, 2048, 2049, 6000):
        generator.sample(count, rng, 1)
    x_t, t = generator.chain(1).start(torch.full((3000,), 5), rng), torch.ones(3000)
    told = generator.denoise(x_t, t, torch.full((3000, 1), 0.5))
    assert len(told) == 3000
    assert {shape[0] for shape in shapes} == {2048, 4096}


def test_graphs_of_many_widths_are_sampled_as_by_the_plain_denoiser(uncompiled):
    space = layered_space(40, 4)
    data = random_layered_dags(3, 40, 4, torch.Generator().manual_seed(0))
    plain = generator_of(space, data).sample(3, torch.Generator().manual_seed(1), 2)
    fast = accelerate(generator_of(space, data)).sample(3, torch.Generator().manual_seed(1), 2)
    assert torch.equal(plain.adjacency, fast.adjacency)


@pytest.mark.parametrize("dynamic", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_denoiser_is_one_graph_for_the_compiler(tiny, dynamic):
    generator = generator_of(tiny, enumerate_space(tiny), ("a",))
    expected = generator.sample(8, torch.Generator().manual_seed(1), 2)
    generator.denoiser = torch.compile(generator.denoiser, backend="eager", fullgraph=True, dynamic=dynamic)
    assert torch.equal(expected.adjacency, generator.sample(8, torch.Generator().manual_seed(1), 2).adjacency)
    rng = torch.Generator().manual_seed(0)
    x_t = generator.chain(1).start(torch.full((8,), 5), rng)
    generator.denoise(x_t, torch.ones(8), torch.full((8, 1), 0.5))


def test_a_generator_without_a_network_cannot_be_compiled(tiny):
    with pytest.raises(InvalidRequest, match="no network to compile"):
        accelerate(UniformGenerator(tiny, enumerate_space(tiny)))
