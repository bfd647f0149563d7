"""Proxies: what each one computes, and that the network never notices."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture
from nag.networks import DataShape, NASBench101Builder, NASBench201Builder, NASBenchGraphBuilder
from nag.predictors import combined_scores, rank_scores
from nag.proxies import Batch, initialise_normal, list_proxies, proxy_named
from nag.spaces import load_space

PROXIES = list_proxies()

IMAGES = DataShape("images", 3, 5, 8, 8)
GRAPH = DataShape("graph", 6, 4)
CELL = "|nor_conv_3x3~0|+|skip_connect~0|avg_pool_3x3~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"
UNUSED = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|"  # the first is read by nobody
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
DEAD_BUT_BUSY = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cell(text: str = CELL, seed: int = 0, channels: int = 4) -> nn.Module:
    return NASBench201Builder(channels, 1).build(load_space("nasbench201").decode(text), IMAGES, seed)


def images(count: int = 7) -> Batch:
    return Batch(IMAGES.example(count, rng(1)), torch.arange(count) % IMAGES.classes)


def nodes() -> Batch:
    rows = torch.randperm(30, generator=rng(2))[:9]
    return Batch(GRAPH.example(30, rng(1)), rows % GRAPH.classes, rows)


def graph_network() -> nn.Module:
    edges = ((0, 1), (1, 2), (0, 3), (3, 4), (2, 5), (4, 5))
    arch = Architecture(("input", "gat", "arma", "cheb", "gin", "output"), edges)
    return NASBenchGraphBuilder(hidden=8).build(arch, GRAPH, 0)


def network_101() -> nn.Module:
    ops = ("input", "conv3x3-bn-relu", "maxpool3x3", "output")
    return NASBench101Builder(4, 2, 1).build(Architecture(ops, ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))), IMAGES, 0)


KINDS = {
    "nasbench201": (cell, images),
    "nasbench101": (network_101, images),
    "nas_bench_graph": (graph_network, nodes),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROXIES)
def test_a_network_comes_back_as_it_was_and_one_seed_gives_one_score(name, kind):
    build, batch = KINDS[kind]
    network = build()
    network[0].eval() if isinstance(network, nn.Sequential) else network.dropout.eval()
    for value in network.parameters():
        value.grad = torch.ones_like(value)
    next(network.parameters()).requires_grad_(False)
    state, modes = copy.deepcopy(network.state_dict()), [module.training for module in network.modules()]
    wanted, noise = [value.requires_grad for value in network.parameters()], torch.get_rng_state()
    first, second = (PROXIES[name](network, batch(), rng(3)) for _ in range(2))
    assert first == second
    assert math.isfinite(first)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value.grad, torch.ones_like(value)) for value in network.parameters())
    assert [value.requires_grad for value in network.parameters()] == wanted
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(torch.get_rng_state(), noise)


def test_a_network_comes_back_as_it_was_where_a_proxy_fails():
    network = cell().eval()
    wrong = Batch((torch.zeros(4, 2, 8, 8),), torch.zeros(4, dtype=torch.int64))  # two channels rather than three
    for name in sorted(PROXIES.keys() - {"params"}):
        with pytest.raises(RuntimeError):
            PROXIES[name](network, wrong, rng())
    assert not any(module.training or module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", sorted(name for name, proxy in PROXIES.items() if proxy.functional))
def test_what_leads_nowhere_does_not_count(name):
    network = cell(UNUSED)
    before = PROXIES[name](network, images(), rng())
    with torch.no_grad():
        for block in network.features[1], network.features[3]:
            block.operations[0][1].weight.mul_(3)
    assert PROXIES[name](network, images(), rng()) == before


@pytest.mark.parametrize("text", [DEAD, DEAD_BUT_BUSY])
def test_networks_that_ignore_their_input_have_defined_scores(text):
    scores = {name: proxy(cell(text), images(), rng()) for name, proxy in PROXIES.items()}
    assert not any(math.isnan(score) for score in scores.values())
    assert scores["logsynflow"] == 0
    assert scores["synflow"] == scores["jacobian_covariance"] == scores["zen"] == -math.inf
    assert (scores["naswot"] == -math.inf) == (text == DEAD)  # units that nobody reads see the images all the same


def test_labels_are_asked_for_exactly_where_they_are_needed():
    blind = Batch(images().inputs)
    for name, proxy in PROXIES.items():
        if proxy.needs_labels:
            with pytest.raises(InvalidRequest, match=f"{name} needs labels"):
                proxy(cell(), blind, rng())
        else:
            assert proxy(cell(), blind, rng()) == proxy(cell(), images(), rng())


def test_operations_are_those_of_the_benchmark():
    shape = DataShape("images", 3, 10, 32, 32)
    for text, threes, ones in ((CELL, 2, 1), (DEAD, 0, 0)):
        network = NASBench201Builder().build(load_space("nasbench201").decode(text), shape, 0)
        batch = Batch(shape.example(2, rng()))
        assert PROXIES["flops"](network, batch, rng()) / 1e6 == pytest.approx(7.78304 + 35.38944 * threes + 3.93216 * ones)
    linear, example = nn.Linear(5, 7), Batch((torch.zeros(3, 5),))
    assert PROXIES["flops"](linear, example, rng()) == 35
    assert PROXIES["params"](linear, example, rng()) == 42


def test_synaptic_flow_of_a_linear_chain_is_the_sum_over_its_paths():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    first, second = network[0].weight.detach().abs().double(), network[3].weight.detach().abs().double()
    paths = float((second @ first).sum())
    batch = Batch((torch.randn(4, 2, generator=rng()),))
    assert PROXIES["synflow"](network, batch, rng()) == pytest.approx(math.log(2 * paths))
    expected = (first * (second.sum(0)[:, None] + 1).log()).sum() + (second * (first.sum(1) + 1).log()).sum()
    assert PROXIES["logsynflow"](network, batch, rng()) == pytest.approx(float(expected))
    with torch.no_grad():
        network[0].weight.neg_()
        network[3].bias.fill_(5)
    assert PROXIES["synflow"](network, batch, rng()) == pytest.approx(math.log(2 * paths))


def test_synaptic_flow_does_not_overflow_where_single_precision_does():
    network = nn.Sequential(*(nn.Linear(10, 10, bias=False) for _ in range(60)))
    for layer in network:
        nn.init.ones_(layer.weight)
    batch = Batch((torch.ones(1, 10),))
    assert PROXIES["synflow"](network, batch, rng()) == pytest.approx(math.log(60) + 61 * math.log(10))
    assert math.isfinite(PROXIES["logsynflow"](network, batch, rng()))


def test_naswot_is_the_log_determinant_of_agreeing_codes():
    network, x = nn.Sequential(nn.Linear(6, 40), nn.ReLU()), torch.randn(5, 6, generator=rng())
    codes = network[0](x) > 0
    kernel = (codes[:, None] == codes).sum(2).double()
    assert PROXIES["naswot"](network, Batch((x,)), rng()) == pytest.approx(float(torch.logdet(kernel)))
    assert PROXIES["naswot"](network, Batch((x[[0, 0, 1]],)), rng()) == -math.inf
    assert PROXIES["naswot"](nn.Linear(6, 2), Batch((x,)), rng()) == -math.inf


def test_scores_of_gradients_are_what_their_definitions_say():
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False))
    x, labels = torch.randn(6, 4, generator=rng()), torch.arange(6) % 2
    cross_entropy(network(x), labels).backward()
    weights = [layer.weight for layer in (network[0], network[2])]
    batch = Batch((x,), labels)
    assert PROXIES["grad_norm"](network, batch, rng()) == pytest.approx(sum(float(w.grad.norm()) for w in weights))
    sensitivity = sum(float((w.detach() * w.grad).abs().sum()) for w in weights)
    assert PROXIES["snip"](network, batch, rng()) == pytest.approx(sensitivity)

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = {"0.weight": flat[:12].view(3, 4), "2.weight": flat[12:].view(2, 3), "0.bias": network[0].bias.detach()}
        return cross_entropy(torch.func.functional_call(network, parts, (x,)), labels)

    flat = torch.cat([w.detach().flatten() for w in weights])
    product = torch.func.hessian(loss)(flat) @ torch.func.grad(loss)(flat)
    assert PROXIES["grasp"](network, batch, rng()) == pytest.approx(-float(flat @ product), rel=1e-4)


def test_jacobians_that_are_alike_score_least():
    count, k = 6, 1e-5
    x = torch.randn(count, 20, generator=rng())
    linear = nn.Linear(20, 3)
    alike = -(math.log(count + k) + 1 / (count + k) + (count - 1) * (math.log(k) + 1 / k))
    assert PROXIES["jacobian_covariance"](linear, Batch((x,)), rng()) == pytest.approx(alike, rel=1e-3)
    bent = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, 3))
    assert PROXIES["jacobian_covariance"](bent, Batch((x,)), rng()) > alike / 2


def test_zen_score_depends_on_the_seed_and_not_on_the_weights():
    batch = images(16)
    assert PROXIES["zen"](cell(seed=0), batch, rng()) == PROXIES["zen"](cell(seed=1), batch, rng())
    assert PROXIES["zen"](cell(), batch, rng()) != PROXIES["zen"](cell(), batch, rng(1))


def test_zen_score_grows_with_what_normalisation_takes_away():
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    norm = nn.Sequential(plain[0], nn.BatchNorm2d(8), *plain[1:])
    batch = Batch((torch.zeros(64, 3, 8, 8),))
    # dividing by the standard deviation and adding its logarithm cancel
    assert PROXIES["zen"](norm, batch, rng()) == pytest.approx(PROXIES["zen"](plain, batch, rng()), abs=0.2)


def test_initial_weights_are_a_function_of_the_seed_and_have_the_variance_that_they_should():
    network, other = cell(channels=32), cell(seed=5, channels=32)
    initialise_normal(network, rng(4))
    initialise_normal(other, rng(4))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
    last = network.features[3].operations[0]
    assert float(last[1].weight.detach().std()) == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
    assert bool((last[2].weight == 1).all())
    assert not bool(last[2].bias.any() or network.classifier.bias.any())


def test_ranks_are_combined_whatever_the_scale():
    raw = torch.tensor([[1e67, 3.0], [-math.inf, 1.0], [1.0, 2.0], [math.inf, math.nan]], dtype=torch.float64)
    scores = rank_scores(raw)
    assert bool(torch.isfinite(scores).all())
    assert scores[:, 0].argsort(stable=True).tolist() == [1, 3, 2, 0]  # infinities are the worst (W7)
    assert float(scores[1, 0]) == float(scores[3, 0])
    assert float(scores[3, 1]) == 0
    assert torch.equal(rank_scores(raw[:3].clamp(-9, 9).exp()), rank_scores(raw[:3]))
    assert combined_scores(raw).tolist() == scores.mean(1).tolist()
    with pytest.raises(InvalidRequest, match="one row a network"):
        rank_scores(torch.zeros(3))


def test_mistakes_are_named():
    with pytest.raises(InvalidRequest, match="Did you mean 'naswot'"):
        proxy_named("naswit")
    with pytest.raises(InvalidRequest, match="no examples"):
        Batch((torch.zeros(0, 3),))
    with pytest.raises(InvalidRequest, match="2 examples have labels"):
        Batch((torch.zeros(2, 3),), torch.zeros(3, dtype=torch.int64))
