"""The front door: `import nag` is light and complete, and what it exports does what its examples say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import torch

import nag
from nag.cli.commands import COMMANDS
from nag.evaluation.trials.in_process import evaluator_of_task


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_and_listing_nag_loads_neither_torch_nor_numpy():
    code = "import sys, nag; dir(nag); nag.__doc__; print(sorted({'torch', 'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert run_python(code) == "[]"


@pytest.fixture(scope="module")
def generator(small_generator) -> nag.TrainedGenerator:
    return nag.load(small_generator / "g.safetensors")


@pytest.mark.parametrize("name", [name for name in nag.__all__ if name != "__version__"])
def test_every_public_name_has_a_home_that_exports_it(name):
    assert name in dir(nag)
    found = getattr(nag, name)
    assert found.__doc__
    home = sys.modules[nag._HOMES[name]]
    assert name in home.__all__


def test_public_names_and_homes_agree():
    assert set(nag.__all__) == {*nag._HOMES, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'train_genrator'"):
        nag.train_genrator  # noqa: B018


def test_each_command_has_a_call_from_python():
    page = (Path(__file__).parents[1] / "docs" / "pages" / "guides" / "from_python.md").read_text()
    rows = dict(re.findall(r"^\| `nag ([\w-]+)` \| (.*) \|$", page, re.MULTILINE))
    assert set(rows) == {*COMMANDS, "list"}
    for calls in rows.values():
        for name in re.findall(r"`nag\.([\w.]+)`", calls):
            module = modules_above(f"nag.{name}")[-1]
            assert attrgetter(f"nag.{name}"[len(module) + 1 :])(import_module(module)).__doc__


def modules_above(name: str) -> list[str]:
    """The modules that a dotted name leads through."""
    parts = name.split(".")
    return [part for part in (".".join(parts[:i]) for i in range(1, len(parts))) if find_spec(part)]


def test_the_module_docstring_names_what_there_is():
    words = {word for line in nag.__doc__.splitlines() if line.startswith("    ") for word in line.split("nag.")[1:]}
    names = {word.split("(")[0].split(" ")[0] for word in words} - {"search"}
    assert names <= set(nag.__all__)


def test_an_own_score_sees_valid_architectures_alone_each_once(generator):
    space, seen = generator.space, []

    def score(archs: list[nag.Architecture]) -> list[int]:
        for arch in archs:
            space.validate(arch)
        seen.extend(archs)
        return [len(arch.edges) for arch in archs]

    found = generator.sample(6, guide=score, seed=0, progress=False)
    assert len(seen) == len(set(seen)) > 6
    assert found.to_pandas()["score"].tolist() == [len(arch.edges) for arch in found]
    assert len(set(found.hashes)) == 6


def test_a_score_without_a_value_is_the_worst(generator):
    found = generator.sample(4, guide=lambda archs: [float("nan") if "skip" in a.ops else 1.0 for a in archs], seed=0)
    assert not any("skip" in arch.ops for arch in found)


def test_limits_hold_for_an_own_score(generator):
    guide = nag.Guidance(lambda archs: [len(arch.edges) for arch in archs], limits={"depth": {"max": 3}})
    assert max(depth_of(arch) for arch in generator.sample(4, guide=guide, seed=0)) <= 3


def depth_of(arch: nag.Architecture) -> int:
    depth = [0] * arch.num_nodes
    for u, v in arch.edges:
        depth[v] = max(depth[v], depth[u] + 1)
    return max(depth)


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (3, "a int cannot guide samples"),
        (torch.nn.Linear(1, 1), "a Linear cannot guide samples"),
        (lambda archs: [1], "numbers of shape"),
        (lambda archs: "many", "no numbers"),
    ],
)
def test_what_is_no_guide_is_refused(generator, guide, message):
    with pytest.raises(nag.NagError, match=message):
        generator.sample(3, guide=guide)


def test_a_saved_generator_gives_the_same_samples(generator, tmp_path):
    again = nag.load(generator.save(tmp_path / "g.safetensors"))
    assert list(again.sample(5, seed=1)) == list(generator.sample(5, seed=1)) != list(generator.sample(5, seed=2))


def test_the_global_random_state_stays(generator):
    before = torch.get_rng_state()
    generator.sample(2, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_notebooks_show_architectures_samples_and_studies(generator):
    found = generator.sample(2, seed=0)
    assert found[0]._repr_svg_().startswith("<svg")
    assert found._repr_html_().count("<svg") == 2
    study = nag.search(lambda arch: len(arch.edges), generator.space, budget=3, strategy=nag.search.RandomSearch)
    assert study._repr_html_().count("<svg") == 1


def test_a_plain_function_is_searched(generator, tmp_path):
    def costs(architecture: nag.Architecture, seed: int) -> dict[str, float]:
        return {"edges": len(architecture.edges), "attention": architecture.ops.count("gat")}

    objective = nag.Objective(
        (nag.Metric("edges"), nag.Metric("attention", maximise=False)), {"edges": {"max": 6}}, pareto=True
    )
    study = nag.search(costs, generator.space, budget=6, objective=objective, seed=0)
    assert len(study.to_pandas()) == 6
    assert study.best is None or study.best.values["edges"] <= 6
    assert all(query.values["edges"] <= 6 for query in study.front)
    again = nag.load(study.save(tmp_path / "study.json"))
    assert [query.values for query in again] == [query.values for query in study]


def test_a_function_that_always_fails_is_told():
    def broken(arch: nag.Architecture) -> float:
        raise ZeroDivisionError("no data")

    with pytest.raises(nag.NagError, match=r"none of 2 queries was measured.*ZeroDivisionError: no data"):
        nag.search(broken, nag.load_space("nas_bench_graph"), budget=2)


def test_a_study_that_is_damaged_is_refused(tmp_path):
    path = tmp_path / "study.json"
    path.write_text('{"format": "nag-study-1"}')
    with pytest.raises(nag.NagError, match="space"):
        nag.load(path)


def test_a_file_that_nobody_saved_is_refused(tmp_path: Path):
    (tmp_path / "x.safetensors").write_text("nothing")
    with pytest.raises(nag.NagError, match="neither a checkpoint nor a study"):
        nag.load(tmp_path / "x.safetensors")


def test_the_example_of_the_design_runs_on_a_small_setting(generator, tmp_path):
    task = nag.load_task("nas_bench_graph/cora")
    labels = task.measure(task.space.sample(60, seed=0))
    predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor)
    latency = nag.fit_predictor(labels, metric="latency", predictor=nag.predictors.GPCostPredictor)
    bound = float(labels.to_pandas()["latency"].median())
    guide = nag.Guidance([predictor, latency], limits={"latency": {"max": bound}})
    found = generator.sample(5, guide=guide, seed=0).to_pandas()
    assert (found["predicted_latency"] < bound).all()
    unguided = predictor.predict(list(generator.sample(20, seed=0))).mean
    assert found["predicted_valid_perf"].mean() > float(unguided.mean())
    study = nag.search(task, budget=6)
    assert study.best.values["valid_perf"] == study.to_pandas()["valid_perf"].max()
    again = nag.load(predictor.save(tmp_path / "p.safetensors"))
    assert again.predict([study[0].architecture]).mean.equal(predictor.predict([study[0].architecture]).mean)


def test_a_meta_predictor_is_saved_loaded_and_used_for_an_unseen_task(generator, tmp_path):
    sources = [nag.load_task(f"nas_bench_graph/{name}") for name in ("cora", "cs", "photo")]
    short = nag.predictors.Episodes(steps=2, queries=10, labels=(0, 5))
    meta = nag.fit_meta_predictor(sources, predictor=nag.predictors.GPPredictor, num_train=30, episodes=short)
    again, unseen = nag.load(meta.save(tmp_path / "m.safetensors")), nag.load_task("nas_bench_graph/citeseer")
    archs = unseen.space.sample(40, seed=0)
    zero_shot = again.adapt(unseen)
    assert zero_shot.predict(archs).mean.equal(meta.adapt(unseen).predict(archs).mean)
    few_shot = again.adapt(unseen, unseen.measure(archs[:10]))
    assert (few_shot.labels_used, few_shot.metric) == (10, nag.Metric("valid_perf"))
    assert len(generator.sample(3, guide=zero_shot, seed=0)) == 3
    with pytest.raises(nag.NagError, match="was trained on nas_bench_graph/cs"):
        again.adapt(sources[1])
    with pytest.raises(nag.NagError, match="the meta-predictor is of nas_bench_graph"):
        again.adapt(nag.Task(nag.load_space("nasbench201"), data="digits"))


def test_a_task_of_a_function_is_measured_and_searched():
    def loss(architecture: nag.Architecture) -> dict[str, float]:
        convolutions = architecture.ops.count("gcn")
        return {"loss": 1.0 - 0.1 * convolutions, "convolutions": convolutions}

    task = nag.Task(nag.load_space("nas_bench_graph"), data=loss, search_metric="loss", maximise=False)
    labels = nag.evaluate(task, task.space.sample(4, seed=0))
    assert list(labels.to_pandas()) == ["arch", "canonical_hash", "loss", "convolutions"]
    study = nag.search(task, budget=5, strategy=nag.search.RandomSearch)
    assert study.best.values["loss"] == study.to_pandas()["loss"].min()


def test_a_task_of_data_trains_networks(tmp_path, monkeypatch):
    space = nag.load_space("nasbench201")
    images = np.random.default_rng(0).random((60, 8, 8, 1)).astype("float32")
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(60) % 3)
    monkeypatch.chdir(tmp_path)
    by_path = nag.Task(space, data="mine.npz")
    in_memory = nag.Task(space, data=nag.evaluation.load_data_set("mine.npz"))
    assert by_path.name == "mine/nasbench201"
    assert [metric.name for metric in by_path.metrics] == ["validation_accuracy", "test_accuracy", "params"]
    evaluators = [evaluator_of_task(task) for task in (by_path, in_memory, nag.load_task("mine.npz/nasbench201"))]
    assert len({evaluator.trial.fingerprint for evaluator in evaluators}) == 1
    assert evaluators[0].trial.data_set == str(tmp_path / "mine.npz")  # found from any folder


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "a int measures nothing"),
        ("nowhere/", "unknown data set"),
        ("karate", "do not read a graph"),
        (None, "neither a table"),
    ],
)
def test_data_that_measure_nothing_are_refused(data, message):
    with pytest.raises(nag.NagError, match=message):
        nag.search(nag.Task(nag.load_space("nasbench201"), data=data), budget=2)


@pytest.mark.data
def test_parameters_of_cells_are_computed_exactly():
    """The limit `params_m` of NAS-Bench-201 is that of the published networks, as they stand."""
    task = nag.load_task("nasbench201/cifar10")
    computed = task.space.estimate_costs(task.table.dags)["params_m"].double().numpy()
    assert abs(computed - task.table.measured["params_m"]).max() < 1e-6


def test_a_predictor_of_another_space_is_refused(generator):
    space = nag.load_space("nasbench201")
    archs = tuple(space.sample(12, seed=0))
    labels = nag.evaluate(lambda arch: arch.ops.count("nor_conv_3x3"), archs, space)
    predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor)
    with pytest.raises(nag.NagError, match="belongs to nasbench201"):
        generator.sample(3, guide=predictor)
    with pytest.raises(nag.NagError, match="its reward to nasbench201"):
        nag.finetune_generator(generator, predictor)
