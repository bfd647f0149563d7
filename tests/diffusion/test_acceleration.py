"""Compiled denoisers say what plain ones say."""

import pytest
import torch

from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule, UniformGenerator, accelerate
from nag.errors import InvalidRequest
from nag.spaces import enumerate_space


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="compiling for a CPU takes minutes")
def test_a_compiled_denoiser_samples_the_same_graphs(tiny):
    torch.manual_seed(0)
    data = enumerate_space(tiny)
    generator = DiscreteGenerator(tiny, data, AbsorbingKernel(), LinearSchedule(), width=16, layers=2, heads=2).eval().cuda()
    plain = generator.sample(64, torch.Generator("cuda").manual_seed(1))
    fast = accelerate(generator).sample(64, torch.Generator("cuda").manual_seed(1))
    same = (plain.ops == fast.ops).all(1) & (plain.adjacency == fast.adjacency).flatten(1).all(1)
    assert float(same.float().mean()) > 0.8  # bf16 may turn a draw that stands on an edge


def test_a_generator_without_a_network_cannot_be_compiled(tiny):
    with pytest.raises(InvalidRequest, match="no network to compile"):
        accelerate(UniformGenerator(tiny, enumerate_space(tiny)))
