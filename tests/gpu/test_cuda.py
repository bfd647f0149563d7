"""Laws on a real device: it computes what the CPU computes, in float32 and bf16, compiled or not, and no step synchronises."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from nag.diffusion import (
    AbsorbingKernel,
    CosineSchedule,
    DiscreteGenerator,
    LinearSchedule,
    MarginalKernel,
    ScoreGenerator,
    accelerate,
)
from nag.diffusion.guidance import GuidanceMethod, Offspring, Particles, Unguided
from nag.diffusion.sde import VESDE
from nag.evaluation.data_sets import load_data_set
from nag.evaluation.networks.fit_network import fit_network
from nag.evaluation.networks.network_training import suggested_training
from nag.graphs import GraphBatch
from nag.networks import builder_of
from nag.predictors import GNNPredictor, GPCostPredictor, GPPredictor, TransformerPredictor, TreesPredictor
from nag.spaces import load_space, sample_uniform
from nag.tracking import NullTracker
from nag.training import FitOptions, fit, make_fabric

pytestmark = pytest.mark.gpu

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
SMALL = {"width": 32, "layers": 2, "heads": 4}
GENERATORS = {
    "absorbing": lambda s, d: DiscreteGenerator(s, d, AbsorbingKernel(), LinearSchedule(), **SMALL),
    "marginal": lambda s, d: DiscreteGenerator(s, d, MarginalKernel(), CosineSchedule(), **SMALL),
    "ve": lambda s, d: ScoreGenerator(s, d, VESDE(), steps=4, **SMALL),
}
PREDICTORS = {
    "gnn": lambda s: GNNPredictor(s, steps=20, members=2),
    "transformer": lambda s: TransformerPredictor(s, steps=20, members=2),
    "gp": GPPredictor,
    "process": GPCostPredictor,
    "trees": TreesPredictor,
}


@pytest.fixture(scope="module")
def cells():
    space = load_space("nasbench201")
    return space, sample_uniform(space, 256, 0)


@pytest.fixture(autouse=True)
def _exact():
    """No TensorFloat-32, whose products have 10 bits."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def no_synchronisation(device):
    """Raises where something waits for the GPU."""
    if device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")


def made(family, cells):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GENERATORS[family](*cells)


def noisy(generator, dags):
    """Clean graphs and noisy ones, the same for every device: (x_0, x_t, t) on the CPU."""
    t = torch.linspace(0.05, 0.95, len(dags))
    x_0 = generator.clean(dags)
    return x_0, generator.noise(x_0, t, torch.Generator().manual_seed(0)), t


def on(device, x):
    return GraphBatch(x.nodes.to(device), x.edges.to(device), x.mask.to(device))


@pytest.mark.parametrize("family", GENERATORS)
def test_predictions_and_gradients_equal_those_of_the_cpu(family, cells, device):
    here, there = made(family, cells).eval(), made(family, cells).eval().to(device)
    x_0, x_t, t = noisy(here, cells[1])
    expected, found = here.denoise(x_t, t), there.denoise(on(device, x_t), t.to(device))
    torch.testing.assert_close(found.nodes.cpu(), expected.nodes, **TOLERANCE)
    torch.testing.assert_close(found.edges.cpu(), expected.edges, **TOLERANCE)
    (expected.nodes * x_0.nodes).sum().backward()
    (found.nodes * x_0.nodes.to(device)).sum().backward()
    for name, parameter in here.named_parameters():
        if parameter.grad is not None:
            other = there.get_parameter(name).grad.cpu()
            assert float((other - parameter.grad).norm()) <= 1e-3 * float(parameter.grad.norm()) + 1e-5, name


@pytest.mark.parametrize("family", GENERATORS)
def test_same_seed_same_samples_without_synchronisation(family, cells, device):
    generator = made(family, cells).eval().to(device)
    generator.sample(64, torch.Generator(device).manual_seed(3))
    first, again = (torch.Generator(device).manual_seed(3) for _ in range(2))
    found = generator.sample(64, first)
    with no_synchronisation(device):
        repeated = generator.sample(64, again)
    assert torch.equal(found.ops, repeated.ops)
    assert torch.equal(found.adjacency, repeated.adjacency)
    assert found.device.type == device.type


@pytest.mark.parametrize("family", GENERATORS)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_training_lowers_the_loss(family, precision, cells, device):
    dags = cells[1][torch.zeros(32, dtype=torch.int64)].to(device)  # one graph to remember

    def loss(module, rng):
        return {"loss": module.loss(dags, rng).total}

    def final(steps):
        fabric = make_fabric(device.type, precision=precision)
        return fit(made(family, cells), loss, FitOptions(steps, batch_size=32, warmup_steps=10), fabric, NullTracker(), 0).loss

    assert final(100) < 0.8 * final(10)


def test_training_steps_do_not_synchronise(cells, device):
    generator, dags = made("absorbing", cells).to(device), cells[1].to(device)
    optimizer = torch.optim.AdamW(generator.parameters())
    rng = torch.Generator(device).manual_seed(0)

    def step():
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = generator.loss(dags, rng).total
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        optimizer.step()

    step()
    with no_synchronisation(device):
        step()


def test_a_compiled_denoiser_samples_what_the_plain_one_samples(cells, device):
    if device.type != "cuda":
        pytest.skip("compiling for a CPU takes minutes")
    plain, fast = made("absorbing", cells).eval().to(device), accelerate(made("absorbing", cells).eval().to(device))
    for count in (2048, 100, 3000):  # one shape, and no output of an earlier evaluation is overwritten
        expected = plain.sample(count, torch.Generator(device).manual_seed(1))
        found = fast.sample(count, torch.Generator(device).manual_seed(1))
        same = (expected.ops == found.ops).all(1) & (expected.adjacency == found.adjacency).flatten(1).all(1)
        assert float(same.float().mean()) > 0.8  # bf16 may turn a draw that stands on an edge


def test_guided_samples_score_higher(cells, device):
    generator = made("absorbing", cells).eval().to(device)

    def score(dags):
        return (dags.ops == 3).sum(1).double()

    rng = torch.Generator(device).manual_seed(0)
    plain = score(generator.sample(256, rng)).mean()
    by_particles = GuidanceMethod(10.0, Particles(), 2, None, False)
    for guidance in (by_particles, replace(by_particles, proposal=Unguided(), corrector=Offspring(2))):
        assert float(score(guidance.sample(generator, 256, rng, score)).mean()) > float(plain) + 0.3


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictors_equal_those_of_the_cpu(name, cells, device):
    space, dags = cells
    targets = (dags.ops == 3).sum(1).double() + torch.linspace(0, 1, len(dags), dtype=torch.float64)
    predictor = PREDICTORS[name](space)
    predictor.fit(dags[:64], targets[:64])
    expected = predictor.predict(dags)
    found = predictor.to(device).predict(dags.to(device))
    torch.testing.assert_close(found.mean.cpu(), expected.mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.std.cpu(), expected.std, rtol=1e-3, atol=1e-3)


def test_predictors_learn_on_the_device(cells, device):
    space, dags = cells
    targets = (dags.ops == 3).sum(1).double()
    predictor = GNNPredictor(space, steps=100, members=2).to(device)
    predictor.fit(dags[:128].to(device), targets[:128])
    found = predictor.predict(dags.to(device)).mean.cpu()
    assert float(torch.corrcoef(torch.stack([found[128:], targets[128:]]))[0, 1]) > 0.8


def test_codes_and_validity_equal_those_of_the_cpu(cells, device):
    space, dags = cells
    assert torch.equal(space.function_codes(dags.to(device)).cpu(), space.function_codes(dags))
    assert torch.equal(space.is_valid(dags.to(device)).cpu(), space.is_valid(dags))


@pytest.mark.parametrize(("name", "data_set"), [("nasbench201", "digits"), ("nas_bench_graph", "karate")])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_networks_learn(name, data_set, precision, device):
    space, data = load_space(name), load_data_set(data_set)
    arch = space.to_architectures(sample_uniform(space, 1, 5))[0]
    options = replace(suggested_training(data.shape), epochs=4, device=device.type, precision=precision)
    network = builder_of(space).build(arch, data.shape, 0)
    fitted = fit_network(network, data, options, 0, options.make_fabric())
    assert not fitted.diverged
    assert fitted.curve[-1]["train_loss"] < fitted.curve[0]["train_loss"]
