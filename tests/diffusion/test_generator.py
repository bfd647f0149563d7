"""The generator: what it makes, restores and learns."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from nag.core.checkpoints import load_checkpoint
from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.diffusion import (
    AbsorbingKernel,
    Candidates,
    CosineSchedule,
    DiscreteGenerator,
    ExactTilt,
    Generator,
    GradientTilt,
    GuidanceMethod,
    LinearSchedule,
    Metropolis,
    Offspring,
    Particles,
    UniformGenerator,
    UniformKernel,
)
from nag.diffusion.guidance.selection import select
from nag.graphs import DagBatch
from nag.nn import DagTransformer
from nag.spaces import enumerate_space, list_spaces, load_space, space_from_mapping
from nag.spaces.models import load_model, save_model
from nag.tracking.null import NullTracker
from nag.training import FitOptions, fit, make_fabric

SMALL = {"width": 16, "layers": 2, "heads": 2}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(first: DagBatch, second: DagBatch) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("ops", "adjacency", "mask"))


def untrained(space, kernel, schedule=None, data=None) -> DiscreteGenerator:
    torch.manual_seed(0)
    return DiscreteGenerator(
        space, enumerate_space(space) if data is None else data, kernel, schedule or LinearSchedule(), **SMALL
    )


@pytest.fixture(scope="module", params=list_spaces())
def shipped(request):
    """A shipped space with a few graphs of every size."""
    space = load_space(request.param)
    graphs = space.to_dags([])
    if space.wiring is not None:
        n = space.max_nodes
        ops = space.masks.nodes[n].float().argmax(-1)[None]
        adjacency = space.masks.edges.float().argmax(-1)[None]
        graphs = DagBatch(ops, adjacency, torch.ones(1, n, dtype=torch.bool))
    else:
        sizes = range(space.min_nodes, space.max_nodes + 1)
        parts = []
        for n in sizes:
            mask = (torch.arange(space.max_nodes) < n)[None]
            ops = space.masks.nodes[n].float().argmax(-1)[None]
            parts.append(DagBatch(ops, torch.zeros(1, space.max_nodes, space.max_nodes, dtype=torch.int64), mask))
        graphs = DagBatch.cat(parts)
    return space, graphs


@pytest.mark.covering
@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_samples_of_an_untrained_generator_are_acyclic_and_keep_the_masks(shipped, kernel):
    space, graphs = shipped
    generator = untrained(space, kernel(), data=graphs).eval()
    dags = generator.sample(40, rng(), steps=None if kernel is AbsorbingKernel and space.max_nodes < 10 else 8)
    assert len(dags) == 40
    assert not bool(dags.adjacency.tril().any())
    n = dags.num_nodes
    assert bool(space.masks.nodes[n].gather(2, dags.ops.unsqueeze(2)).all())
    assert bool(space.masks.edges_of(dags.mask).gather(3, dags.adjacency.unsqueeze(3)).all())


@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_sizes_follow_the_training_graphs(tiny, kernel):
    everything = enumerate_space(tiny)
    sizes = untrained(tiny, kernel(), data=everything).draw_sizes(4000, rng(11))
    true = torch.bincount(everything.num_nodes).double()
    counts = torch.bincount(sizes, minlength=len(true)).double()
    possible = true > 0
    assert counts[~possible].sum() == 0
    expected = 4000 * true[possible] / true.sum()
    assert stats.chisquare(counts[possible].numpy(), expected.numpy()).pvalue > 1e-4


@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_samples_follow_the_seed(tiny, kernel):
    generator = untrained(tiny, kernel()).eval()
    first, again, other = (generator.sample(60, rng(seed)) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def count_fours(dags):
    return (dags.ops == 3).sum(1).float()


@pytest.mark.parametrize("kernel", [AbsorbingKernel, pytest.param(UniformKernel, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "guidance",
    [
        GuidanceMethod(scale=0.0),
        GuidanceMethod(pool=3, corrector=Metropolis(5)),
        pytest.param(GuidanceMethod(pool=3, corrector=Offspring(5)), marks=pytest.mark.slow),
        GuidanceMethod(proposal=Candidates(4), pool=1, corrector=None),
        GuidanceMethod(proposal=Particles(2, every=3), pool=1, corrector=None),
        GuidanceMethod(proposal=GradientTilt(50, 3), pool=2, corrector=None),
        pytest.param(GuidanceMethod(proposal=ExactTilt(50, 3), pool=1, corrector=Offspring(2)), marks=pytest.mark.slow),
    ],
)
def test_the_cost_is_what_is_evaluated(tiny, kernel, guidance):
    generator = untrained(tiny, kernel()).eval()
    steps, scored = [], []

    def score(dags):
        scored.append(len(dags))
        return count_fours(dags)

    count = 100 if isinstance(guidance.proposal, ExactTilt) else 2500
    assert len(guidance.sample(generator, count, rng(), score, 4, on_step=lambda: steps.append(1))) == count
    cost = guidance.cost(generator, count, 4)
    assert len(steps) == cost.network_evaluations
    assert sum(scored) == cost.scored


@pytest.mark.parametrize(
    "parts",
    [
        {"proposal": Candidates(32), "pool": 1, "corrector": None},
        {"proposal": Particles(4), "pool": 1, "corrector": None},
        pytest.param({"proposal": GradientTilt(400, 100), "pool": 1, "corrector": None}, marks=pytest.mark.slow),
        pytest.param({"proposal": ExactTilt(400, 100), "pool": 1, "corrector": None}, marks=pytest.mark.slow),
        {"pool": 8, "corrector": None},
        {"pool": 1, "corrector": Metropolis(60)},
        {"pool": 1, "corrector": Offspring(20)},
    ],
)
def test_each_part_of_guidance_raises_the_score(tiny, parts):
    guidance = GuidanceMethod(8.0, distinct=False, **parts)
    generator = untrained(tiny, AbsorbingKernel()).eval()
    free, guided = generator.sample(80, rng()), guidance.sample(generator, 80, rng(), count_fours)
    assert count_fours(guided).mean() > count_fours(free).mean() + 0.3


def test_scale_zero_is_unguided(tiny):
    generator = untrained(tiny, AbsorbingKernel()).eval()
    free = generator.sample(50, rng(3))
    assert same(free, GuidanceMethod(scale=0.0).sample(generator, 50, rng(3), count_fours))


def test_selection_follows_the_weights_and_avoids_repetitions():
    weight = torch.tensor([1.0, 2.0, 4.0, 1.0])
    source = rng()
    first = torch.stack([select(weight.log(), None, 1, source) for _ in range(8000)]).flatten()
    counts = torch.bincount(first, minlength=4).double().numpy()
    assert stats.chisquare(counts, 8000 * (weight / weight.sum()).double().numpy()).pvalue > 1e-4
    codes = torch.tensor([5, 5, 7, 5])
    for _ in range(100):
        assert {5, 7} == set(codes[select(weight.log(), codes, 2, source)].tolist())


@pytest.mark.covering
@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
@pytest.mark.parametrize("schedule", [LinearSchedule, CosineSchedule])
def test_a_checkpoint_restores_the_generator_to_the_bit(tiny, tmp_path, kernel, schedule):
    generator = untrained(tiny, kernel(), schedule()).eval()
    path = tmp_path / "generator.safetensors"
    save_model(path, generator)
    restored = load_model(path, Generator)
    assert type(restored) is DiscreteGenerator
    assert restored.config() == generator.config()
    assert same(restored.sample(80, rng(4)), generator.sample(80, rng(4)))


def test_checkpoints_that_cannot_serve_are_refused(tiny, tmp_path):
    generator = untrained(tiny, AbsorbingKernel())
    path = tmp_path / "generator.safetensors"
    save_model(path, generator)
    with pytest.raises(MissingData, match="does not exist"):
        load_checkpoint(tmp_path / "none.safetensors", "generator")
    with pytest.raises(InvalidRequest, match="holds a generator"):
        load_checkpoint(path, "predictor")
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile, match="no complete safetensors file"):
            load_checkpoint(path, "generator")
    tensors, config = generator.state_dict(), generator.config()
    for wrong in ({**config, "kernel": "os:system"}, {**config, "width": 32}, {"kernel": config["kernel"]}):
        with pytest.raises(DamagedFile):
            DiscreteGenerator.restore(tiny, wrong, tensors)
    with pytest.raises(DamagedFile, match="do not fit"):
        DiscreteGenerator.restore(load_space("nasbench101"), config, tensors)


@pytest.mark.parametrize("kernel", [AbsorbingKernel, UniformKernel])
def test_gradients_reach_every_parameter(tiny, kernel):
    generator = untrained(tiny, kernel())
    data = enumerate_space(tiny)
    terms = generator.loss(data[torch.arange(0, len(data), max(1, len(data) // 128))], rng())
    terms.total.backward()
    without = [name for name, p in generator.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert without == []


def test_loss_of_a_fixed_wiring_is_about_operations_alone():
    space = load_space("nasbench201")
    data = enumerate_space(space)[:64]
    with torch.no_grad():
        terms = untrained(space, AbsorbingKernel(), data=data).loss(data, rng())
    assert float(terms.edges) == 0
    assert float(terms.nodes) > 0.5


def network_on(ops, adjacency, mask, network):
    nodes = torch.nn.functional.one_hot(ops, 4).float()
    edges = torch.nn.functional.one_hot(adjacency, 2).float()
    return network(nodes, edges, mask, torch.full((len(ops),), 0.5))


def blind_to_positions() -> DagTransformer:
    torch.manual_seed(0)
    network = DagTransformer(4, 2, 5, width=16, layers=2, heads=2)
    with torch.no_grad():
        network.body.embed_position.weight.zero_()
    return network


def graph_and_reverse(network) -> tuple[torch.Tensor, torch.Tensor]:
    """Node logits of random graphs, and of their reverses, put back into the order of the former."""
    generator = rng(1)
    ops = torch.randint(4, (20, 5), generator=generator)
    adjacency = torch.randint(2, (20, 5, 5), generator=generator).triu(1)
    mask = torch.ones(20, 5, dtype=torch.bool)
    with torch.no_grad():
        found = network_on(ops, adjacency, mask, network)
        backward = network_on(ops.flip(1), adjacency.transpose(1, 2).flip(1, 2), mask, network)
    return found.nodes, backward.nodes.flip(1)


def test_attention_tells_a_graph_from_its_reverse():
    found, backward = graph_and_reverse(blind_to_positions())
    assert float((found - backward).abs().amax((1, 2)).min()) > 1e-3


def test_attention_with_both_directions_alike_does_not():
    network = blind_to_positions()
    with torch.no_grad():
        for block in network.body.blocks:
            block.bias.weight[:, 2:4] = block.bias.weight[:, :2]
            block.relation_values[:, 2:4] = block.relation_values[:, :2]
    found, backward = graph_and_reverse(network)
    assert torch.allclose(found, backward, atol=1e-5)


def test_padding_does_not_change_what_the_denoiser_says(tiny):
    generator = untrained(tiny, AbsorbingKernel()).eval()
    dags = enumerate_space(tiny)
    small = dags[dags.num_nodes == 3]
    x_0 = generator.process.clean(small)
    t = torch.full((len(small),), 0.3)
    inner = generator.denoiser(x_0.nodes, x_0.edges, x_0.mask, t)
    cut = generator.denoiser(x_0.nodes[:, :3], x_0.edges[:, :3, :3], x_0.mask[:, :3], t)
    assert torch.allclose(inner.nodes[:, :3], cut.nodes, atol=1e-5)
    assert torch.allclose(inner.edges[:, :3, :3], cut.edges, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "least"), [(AbsorbingKernel, 0.9), pytest.param(UniformKernel, 0.7, marks=pytest.mark.slow)]
)
def test_a_short_training_learns_a_small_space(kernel, least):
    space = space_from_mapping(
        {
            "name": "learnable",
            "operations": {"conv": "parametric", "pool": "parametric"},
            "nodes": [3, 4],
            "edges": "free",
            "constraints": {"all_nodes_on_a_path": True, "max_edges": 4},
        }
    )
    data = enumerate_space(space)
    torch.manual_seed(0)
    generator = DiscreteGenerator(space, data, kernel(), LinearSchedule(), width=32, layers=2, heads=2)
    with torch.no_grad():
        before = float(generator.loss(DagBatch.cat([data] * 20), rng(9)).total)
        raw = generator.eval().sample(300, rng(1))
    validity_before = float(space.is_valid(raw).float().mean())
    generator.train()
    result = fit(
        generator,
        lambda module, r: {"loss": module.loss(data[torch.randint(len(data), (64,), generator=r)], r).total},
        FitOptions(max_steps=300, learning_rate=5e-3, warmup_steps=20, ema_decay=0.98),
        make_fabric("cpu"),
        NullTracker(),
        seed=0,
    )
    trained = result.model
    with torch.no_grad():
        after = float(trained.loss(DagBatch.cat([data] * 20), rng(9)).total)
    assert after < 0.7 * before
    dags = trained.sample(300, rng(1))
    validity = float(space.is_valid(dags).float().mean())
    assert validity > least
    assert validity > validity_before + 0.3
    assert len(set(space.hashes(dags[space.is_valid(dags)]))) > 0.6 * len(data)


@pytest.mark.parametrize(
    "corrector",
    [None, *(pytest.param(one, marks=pytest.mark.slow) for one in (Metropolis(3), Offspring(3)))],
    ids=["pool", "metropolis", "offspring"],
)
def test_distinct_holds_over_the_whole_output(tiny, monkeypatch, corrector):
    """Not within a batch alone, here of 64 graphs; half of all functions are asked for, or three quarters."""
    everything = enumerate_space(tiny)
    monkeypatch.setattr("nag.diffusion.generator._BATCH", 64)
    count = len(tiny.function_codes(everything).unique()) * (3 if corrector is None else 2) // 4
    assert count > 128
    guidance = GuidanceMethod(2.0, pool=5, corrector=corrector)
    uniform = UniformGenerator(tiny, everything)
    generator = uniform if corrector is None else untrained(tiny, UniformKernel()).eval()
    found = guidance.sample(generator, count, rng(), count_fours, 1)
    assert len(found) == count
    assert len(tiny.function_codes(found).unique()) == count


def test_functions_that_are_there_already_are_not_drawn_again(tiny):
    everything = enumerate_space(tiny)
    generator = UniformGenerator(tiny, everything)
    guidance = GuidanceMethod(2.0, corrector=None)
    first = guidance.sample(generator, 40, rng(1), count_fours)
    taken = tiny.function_codes(first)
    again = guidance.sample(generator, 40, rng(1), count_fours, taken=taken)
    assert not torch.isin(tiny.function_codes(again), taken).any()


def test_nan_scores_are_selected_last():
    weight = torch.tensor([float("nan"), 0.0, float("-inf"), 1.0, float("nan")])
    for seed in range(20):
        assert set(select(weight, None, 2, rng(seed)).tolist()) == {1, 3}
