"""On an accelerator (a pretended one) no operation mixes devices, and no step of training or sampling synchronises."""

import importlib.util
from pathlib import Path

import pytest
import torch

from nag.diffusion import (
    AbsorbingKernel,
    CosineSchedule,
    DiscreteGenerator,
    LinearSchedule,
    MarginalKernel,
    ScoreGenerator,
    UniformGenerator,
)
from nag.diffusion.generation.graph_batches import GraphBatchSampler
from nag.diffusion.guidance import (
    Candidates,
    Evolution,
    ExactTilt,
    GradientTilt,
    GuidanceMethod,
    Metropolis,
    Offspring,
    Particles,
)
from nag.diffusion.sde import VESDE, VPSDE, NoisePrediction
from nag.evaluation.data_sets import load_data_set
from nag.evaluation.networks.fit_network import fit_network
from nag.evaluation.networks.network_training import NetworkTraining
from nag.networks import builder_of
from nag.predictors import GNNPredictor, GPCostPredictor, GPPredictor, Pretraining, TransformerPredictor, TreesPredictor
from nag.spaces import load_space, sample_uniform, space_from_mapping
from nag.tracking import NullTracker
from nag.training import FitOptions, fit, make_fabric

_found = importlib.util.spec_from_file_location("pretend", Path(__file__).with_name("pretend.py"))
pretend = importlib.util.module_from_spec(_found)
_found.loader.exec_module(pretend)

SMALL = {"width": 16, "layers": 1, "heads": 2}
GENERATORS = {
    "absorbing": lambda s, d: DiscreteGenerator(s, d, AbsorbingKernel(), LinearSchedule(), **SMALL),
    "marginal": lambda s, d: DiscreteGenerator(s, d, MarginalKernel(), CosineSchedule(), **SMALL),
    "ve": lambda s, d: ScoreGenerator(s, d, VESDE(), steps=3, **SMALL),
    "vp": lambda s, d: ScoreGenerator(s, d, VPSDE(), NoisePrediction(), steps=3, **SMALL),
    "uniform": UniformGenerator,
}
GUIDANCES = {
    "particles": GuidanceMethod(3.0, Particles(), 2, Metropolis(1)),
    "candidates": GuidanceMethod(3.0, Candidates(4), 2, Offspring(1)),
    "gradient": GuidanceMethod(3.0, GradientTilt(32, 2), 2, None),
    "exact": GuidanceMethod(3.0, ExactTilt(8, 1), 1, None),
}
PREDICTORS = {
    "gnn": lambda s: GNNPredictor(s, steps=4, width=8, members=2, pretraining=Pretraining(graphs=32, steps=2)),
    "transformer": lambda s: TransformerPredictor(s, steps=4, width=8, members=2),
    "gp": GPPredictor,
    "process": GPCostPredictor,
    "trees": TreesPredictor,
}


@pytest.fixture(scope="module")
def cells():
    space = space_from_mapping(
        {
            "name": "cells",
            "operations": {"conv": "parametric", "pool": "mergeable", "skip": "identity"},
            "nodes": [3, 5],
            "edges": "free",
            "constraints": {"all_nodes_on_a_path": True},
        }
    )
    return space, sample_uniform(space, 24, 0)


def there(seed):
    rng = torch.Generator(pretend.DEVICE)
    rng.manual_seed(seed)
    return rng


def targets_of(dags):
    return (dags.ops == 3).sum(1).double() + torch.linspace(0, 1, len(dags), dtype=torch.float64)


@pytest.fixture(autouse=True)
def _fresh():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_the_pretended_device_is_strict():
    with pretend.accelerator() as waits:
        x = torch.rand(3, 2, generator=there(0), device=pretend.DEVICE)
        with pytest.raises(pretend.MixedDevices):
            x + torch.ones(3, 2)
        with pytest.raises(pretend.MixedDevices):
            torch.rand(3, generator=torch.Generator(), device=pretend.DEVICE)
        assert float(x.sum()) > 0
        assert waits["_local_scalar_dense"] == 1


@pytest.mark.parametrize("family", GENERATORS)
def test_samplers_stay_on_the_device_and_do_not_wait(family, cells):
    generator = GENERATORS[family](*cells).eval()
    expected = generator.sample(8, torch.Generator().manual_seed(0), 4)
    with pretend.accelerator() as waits:
        there_generator = pretend.moved(generator)
        there_generator.sample(8, there(0), 4)  # looks up once which pairs are generated
        waits.clear()
        found = there_generator.sample(8, there(0), 4)
        assert not waits
        assert torch.equal(found.ops.cpu(), expected.ops)
        assert torch.equal(found.adjacency.cpu(), expected.adjacency)


@pytest.mark.parametrize("family", [family for family in GENERATORS if family != "uniform"])
def test_training_steps_stay_on_the_device_and_do_not_wait(family, cells):
    space, dags = cells
    with pretend.accelerator() as waits:
        generator = pretend.moved(GENERATORS[family](space, dags))
        optimizer = torch.optim.AdamW(generator.parameters())
        feed = GraphBatchSampler(dags.to(pretend.DEVICE), 16)
        for step in range(2):
            waits.clear()
            batch, _ = feed.draw(there(step))
            optimizer.zero_grad()
            generator.loss(batch, there(step)).total.backward()
            optimizer.step()
        assert not waits


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "exact" else []) for name in GUIDANCES]
)
def test_guidance_stays_on_the_device(name, cells):
    space, dags = cells
    with pretend.accelerator():
        generator = pretend.moved(GENERATORS["absorbing"](space, dags).eval())
        found = GUIDANCES[name].sample(generator, 4, there(0), lambda graphs: space.function_codes(graphs) % 97.0, 2)
        assert found.device == pretend.DEVICE


def test_evolution_stays_on_the_device(cells):
    space, dags = cells
    with pretend.accelerator():
        generator = pretend.moved(UniformGenerator(space, dags))
        guidance = GuidanceMethod(1.0, Evolution(10, 2), 1, None)
        assert guidance.sample(generator, 4, there(0), lambda graphs: graphs.num_nodes.double()).device == pretend.DEVICE


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictors_predict_on_the_device(name, cells):
    space, dags = cells
    predictor = PREDICTORS[name](space)
    predictor.fit(dags, targets_of(dags))
    expected = predictor.predict(dags)
    with pretend.accelerator():
        found = pretend.moved(predictor).predict(dags.to(pretend.DEVICE))
        torch.testing.assert_close(found.mean.cpu(), expected.mean)
        torch.testing.assert_close(found.std.cpu(), expected.std)


@pytest.mark.parametrize("name", ["gnn", "transformer", "trees"])
def test_predictors_learn_on_the_device(name, cells):
    space, dags = cells
    expected = PREDICTORS[name](space)
    expected.fit(dags, targets_of(dags))
    with pretend.accelerator():
        predictor = pretend.moved(PREDICTORS[name](space))
        predictor.fit(dags.to(pretend.DEVICE), targets_of(dags))
        found = predictor.predict(dags.to(pretend.DEVICE))
        torch.testing.assert_close(found.mean.cpu(), expected.predict(dags).mean)


class _Fabric:
    """What `fit_network` asks of Fabric."""

    device = pretend.DEVICE

    def setup(self, model, optimizer):
        return model, optimizer

    def backward(self, loss):
        loss.backward()

    def clip_gradients(self, model, optimizer, max_norm, error_if_nonfinite):
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm, error_if_nonfinite=error_if_nonfinite)


@pytest.mark.parametrize(("name", "data_set"), [("nasbench201", "digits"), ("nas_bench_graph", "karate")])
def test_networks_are_trained_on_the_device_and_wait_once_an_epoch(name, data_set):
    space, data = load_space(name), load_data_set(data_set)
    arch = space.to_architectures(sample_uniform(space, 1, 1))[0]
    with pretend.accelerator() as waits:
        network = pretend.moved(builder_of(space).build(arch, data.shape, 0))
        network.to = lambda device: network
        fit_network(network, data, NetworkTraining(epochs=2, batch_size=2048), 0, _Fabric())
        assert waits["tolist"] == 4
        assert waits["_local_scalar_dense"] == 0


@pytest.mark.parametrize("family", [family for family in GENERATORS if family != "uniform"])
def test_generators_are_trained_and_sampled_in_bf16(family, cells):
    space, dags = cells

    def loss(module, rng):
        return {"loss": module.loss(dags, rng).total}

    fabric = make_fabric("cpu", precision="bf16-mixed")
    result = fit(GENERATORS[family](space, dags), loss, FitOptions(max_steps=3, batch_size=16), fabric, NullTracker(), 0)
    assert 0 < result.loss < 10
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = result.model.sample(8, torch.Generator().manual_seed(0), 3)
    assert found.ops.shape == (8, space.max_nodes)
