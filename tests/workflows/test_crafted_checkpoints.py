"""Checkpoints of generators and predictors from strangers: each fault is one line, and none takes memory or time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from nag.core.configured import describe
from nag.core.errors import InvalidRequest, NagError
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule
from nag.diffusion.generation import load_generator
from nag.evaluation import SpaceReference
from nag.evaluation.predicted import load_predictor
from nag.predictors import GNNPredictor, GPCostPredictor, GPPredictor, TransformerPredictor, TreesPredictor
from nag.predictors.trees import check_booster
from nag.spaces import enumerate_space, space_from_mapping

SPACE = space_from_mapping(
    {"name": "small", "operations": {"a": "parametric", "b": "parametric"}, "nodes": [3, 4], "edges": "free"}
)
EVERYTHING = enumerate_space(SPACE)


def write(path: Path, kind: str, tensors: dict, parts: dict, **changes: str) -> Path:
    texts = {key: value if key == "class" else json.dumps(value) for key, value in parts.items()}
    metadata = {"format": "nag-2", "kind": kind, "version": "0", **texts, **changes}
    safetensors.torch.save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata)
    return path


@pytest.fixture(scope="module")
def generator() -> tuple[dict, dict]:
    torch.manual_seed(0)
    made = DiscreteGenerator(SPACE, EVERYTHING, AbsorbingKernel(), LinearSchedule(), width=8, layers=1, heads=2)
    rows = torch.arange(len(EVERYTHING))
    reference = SpaceReference.of(SPACE, EVERYTHING, SPACE.canonical_hashes(EVERYTHING), rows, True)
    parts = {**describe(made), "space": dict(SPACE.description), "facts": {"train_cpu_seconds": 1.0}}
    return {**made.state_dict(), **reference.tensors()}, parts


@pytest.fixture(scope="module")
def predictors() -> dict[str, tuple[dict, dict]]:
    found = {}
    makers = {
        "gnn": GNNPredictor(SPACE, steps=2, members=2, width=8),
        "transformer": TransformerPredictor(SPACE, steps=2, members=2, width=8, heads=2),
        "gp": GPPredictor(SPACE),
        "process": GPCostPredictor(SPACE),
        "trees": TreesPredictor(SPACE, trees=3, folds=2),
    }
    for name, made in makers.items():
        made.fit(EVERYTHING[:30], EVERYTHING.ops[:30].double().mean(1))
        metadata = {
            "search_metric": "accuracy",
            "maximise": True,
            "labels_used": 30,
            "train_cpu_seconds": 1.0,
            "label_spread": 1.0,
        }
        found[name] = made.state_dict(), {**describe(made), "space": dict(SPACE.description), "facts": metadata}
    return found


def with_entry(parts: dict, **changes) -> dict:
    return {**parts, "config": {**parts["config"], **changes}}


def refused(load, path: Path) -> None:
    with pytest.raises(NagError) as caught:
        load(path)
    text = str(caught.value)
    assert len(text) <= 500
    assert "\n" not in text
    assert caught.value.hint


def test_what_training_wrote_is_read(generator, predictors, tmp_path):
    load_generator(write(tmp_path / "g.safetensors", "generator", *generator))
    for name, (tensors, metadata) in predictors.items():
        found = load_predictor(write(tmp_path / f"{name}.safetensors", "predictor", tensors, metadata))
        assert bool(found.predictor.predict(EVERYTHING[:5]).mean.isfinite().all())


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": 10**9},
        {"width": 8192, "layers": 1000, "heads": 1},
        {"width": float(2**80)},
        {"width": "8"},
        {"width": True},
        {"width": None},
        {"layers": -1},
        {"heads": 0},
        {"heads": 3},
        {"kernel": ["nag.diffusion:AbsorbingKernel"]},
        {"kernel": "os:system"},
        {"schedule": {}},
        {"kernel": {"class": "os:system", "config": {}}},
        {"kernel": {"class": "nag.diffusion.schedules:LinearSchedule", "config": {}}},
        {"kernel": {"class": "nag.diffusion:TransitionKernel", "config": {}}},
        {"kernel": {"class": "nag.core.files:write_bytes", "config": {}}},
        {"kernel": {"class": "nag.diffusion:AbsorbingKernel", "config": {"more": 1}}},
        {"kernel": {"function": "nag.core.files:write_bytes"}},
        {"width": {"class": "nag.diffusion:AbsorbingKernel", "config": {}}},
        {"space": {"name": "other"}},
        {"data": 3},
        {"more": 3},
        {"conditions": "abc"},
        {"conditions": [1]},
        {"conditions": ["a"] * 5000},
    ],
    ids=str,
)
def test_descriptions_of_generators_that_cannot_be(generator, tmp_path, change):
    tensors, metadata = generator
    refused(load_generator, write(tmp_path / "g.safetensors", "generator", tensors, with_entry(metadata, **change)))


@pytest.mark.parametrize(
    "metadata",
    [
        {"space": None},
        {"space": []},
        {"config": None},
        {"config": [1]},
        {"facts": {"train_cpu_seconds": -1.0}},
        {"facts": {"labels_used": "5"}},
        {"facts": {"labels_used": 10**40}},
        {"facts": None},
        {"class": "os:system"},
        {"class": "nag.diffusion:AbsorbingKernel"},
        {"class": "nag.predictors:GPPredictor"},
        {"class": "nag.diffusion:Generator"},
        {"class": "nag.cli.__main__:main"},
        {"class": "nag.diffusion:Missing"},
        {"class": "DiscreteGenerator"},
        {"class": ""},
    ],
    ids=str,
)
def test_facts_of_generators_that_cannot_be(generator, tmp_path, metadata):
    tensors, whole = generator
    refused(load_generator, write(tmp_path / "g.safetensors", "generator", tensors, {**whole, **metadata}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reference.class_sizes", torch.zeros(3, dtype=torch.int64)),
        ("reference.class_sizes", torch.zeros(0, dtype=torch.int64)),
        ("reference.class_sizes", torch.ones(3)),
        ("reference.enumerated", torch.ones(2, dtype=torch.bool)),
        ("reference.ops", torch.ones(2, dtype=torch.float64)),
        ("reference.edges", -torch.ones(16, dtype=torch.float64)),
        ("reference.more", torch.ones(1)),
        ("denoiser.node_head.bias", torch.full((4,), float("nan"))),
        ("denoiser.node_head.bias", torch.zeros(5)),
        ("denoiser.node_head.bias", torch.zeros(4, dtype=torch.float16)),
        ("denoiser.more", torch.zeros(4)),
        ("process.sizes", torch.zeros(5)),
        ("process.sizes", torch.tensor([0.0, 0.0, 0.0, 2.0, -1.0])),
    ],
)
def test_tensors_of_generators_that_cannot_be(generator, tmp_path, name, value):
    tensors, metadata = generator
    refused(load_generator, write(tmp_path / "g.safetensors", "generator", {**tensors, name: value}, metadata))
    if name in tensors:
        refused(
            load_generator,
            write(tmp_path / "g.safetensors", "generator", {key: t for key, t in tensors.items() if key != name}, metadata),
        )


@pytest.mark.parametrize("family", ["gnn", "transformer"])
@pytest.mark.parametrize(
    "change",
    [
        {"members": 0},
        {"members": 1000, "width": 8192},
        {"layers": 1.5},
        {"width": "wide"},
        {"proxies": -1},
        {"proxies": {"class": "nag.predictors:ProxyColumns", "config": {"columns": -1}}},
        {"proxies": {"class": "nag.predictors:ProxyColumns", "config": {"columns": 10**9}}},
        {"loss": {"class": "nag.predictors:RankingLoss", "config": {"pairwise": {"function": "os:system"}}}},
        {"loss": {"class": "nag.predictors:RankingLoss", "config": {"pairwise": {"class": "nag.predictors:GPPredictor"}}}},
        {"loss": {"class": "nag.nn:DagTransformer", "config": {}}},
        {"heads": 0},
        {"directed": 7},
        {"dropout": 1.0},
        {"seed": "now"},
    ],
    ids=str,
)
def test_descriptions_of_networks_that_cannot_be(predictors, tmp_path, family, change):
    tensors, metadata = predictors[family]
    refused(load_predictor, write(tmp_path / "p.safetensors", "predictor", tensors, with_entry(metadata, **change)))


@pytest.mark.parametrize(
    "metadata",
    [
        {"maximise": "yes"},
        {"search_metric": ""},
        {"label_spread": -1.0},
        {"labels_used": 1.5},
        {"labels_used": -3},
        {"cross_validated": {"predicted": [1.0], "true": [1.0, 2.0]}},
        {"cross_validated": {"predicted": ["a"], "true": [1.0]}},
        {"cross_validated": [1]},
    ],
    ids=str,
)
def test_facts_of_predictors_that_cannot_be(predictors, tmp_path, metadata):
    tensors, whole = predictors["gp"]
    changed = {**whole, "facts": {**whole["facts"], **metadata}}
    refused(load_predictor, write(tmp_path / "p.safetensors", "predictor", tensors, changed))


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("gp", "normal_scores.targets", torch.zeros(3, dtype=torch.float64)),
        ("gp", "normal_scores.targets", torch.zeros(0, dtype=torch.float64)),
        ("gp", "normal_scores.targets", torch.zeros((), dtype=torch.float64)),
        ("gp", "normal_scores.targets", torch.arange(5)),
        ("gp", "process.weights", torch.zeros(7, dtype=torch.float64)),
        ("gp", "process.points", torch.zeros(30, 3, dtype=torch.float64)),
        ("gp", "process.factor", torch.zeros(30, 30, dtype=torch.float64)),
        ("gp", "process.noise", torch.tensor(-1.0, dtype=torch.float64)),
        ("gp", "process.scale", torch.full((9,), float("inf"), dtype=torch.float64)),
        ("process", "choice", torch.tensor([9, 0])),
        ("process", "choice", torch.tensor([0, 5])),
        ("process", "choice", torch.tensor([-1, 0])),
        ("process", "spread", torch.tensor(0.0, dtype=torch.float64)),
        ("trees", "boosters.text", torch.zeros(10, dtype=torch.uint8)),
        ("trees", "boosters.text", torch.full((10,), 255, dtype=torch.uint8)),
        ("trees", "noise", torch.tensor(float("nan"), dtype=torch.float64)),
        ("gnn", "fitted", torch.tensor(3)),
    ],
)
def test_tensors_of_predictors_that_cannot_be(predictors, tmp_path, family, name, value):
    tensors, metadata = predictors[family]
    assert name in tensors
    refused(load_predictor, write(tmp_path / "p.safetensors", "predictor", {**tensors, name: value}, metadata))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("split_feature", "9999999"),
        ("left_child", "0"),
        ("right_child", "500"),
        ("right_child", "-500"),
        ("leaf_value", "nan"),
        ("num_leaves", "3000000000"),
        ("threshold", "inf"),
        ("num_cat", "1"),
        ("decision_type", "1"),
    ],
)
def test_trees_that_lead_nowhere(predictors, tmp_path, name, number):
    """LightGBM follows references without looking, to the end of the process if need be."""
    tensors, metadata = predictors["trees"]
    text = tensors["boosters.text"].numpy().tobytes().decode()
    start = text.index(f"\n{name}=") + len(name) + 2
    end = min(place for place in (text.find(" ", start), text.find("\n", start)) if place > 0)
    crafted = torch.frombuffer(bytearray((text[:start] + number + text[end:]).encode()), dtype=torch.uint8)
    refused(load_predictor, write(tmp_path / "p.safetensors", "predictor", {**tensors, "boosters.text": crafted}, metadata))


def test_a_booster_of_another_space_is_refused(predictors, tmp_path):
    other = space_from_mapping({"name": "other", "operations": {"a": "parametric"}, "nodes": [3, 5], "edges": "free"})
    tensors, metadata = predictors["trees"]
    metadata = {**metadata, "space": dict(other.description)}
    refused(load_predictor, write(tmp_path / "p.safetensors", "predictor", tensors, metadata))


def test_boosters_that_were_fitted_pass(predictors):
    for part in predictors["trees"][0]["boosters.text"].numpy().tobytes().decode().split("\0"):
        check_booster(part)


def test_the_files_of_these_tests_are_checkpoints(generator, tmp_path):
    path = write(tmp_path / "g.safetensors", "generator", *generator)
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["kind"] == "generator"


def test_a_class_of_another_package_is_told_how_to_be_allowed(generator, tmp_path):
    tensors, parts = generator
    path = write(tmp_path / "g.safetensors", "generator", tensors, {**parts, "class": "other.nets:Mine"})
    with pytest.raises(InvalidRequest, match=r"other.nets:Mine, which is not of nag. Allow its code with plugins=\[other\]"):
        load_generator(path)


def test_checkpoints_of_earlier_versions_are_told_to_be_trained_again(generator, tmp_path):
    path = write(tmp_path / "g.safetensors", "generator", *generator, format="nag-1")
    with pytest.raises(InvalidRequest, match=r"before 0.2, which this version does not read. Run again: nag train-generator"):
        load_generator(path)
