"""Both doors call the same functions: the command line and Python give the same weights, samples and histories."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from safetensors.torch import load_file

import nag as door
from nag.cli.targets import build
from nag.core.configured import describe
from nag.diffusion import DiscreteGenerator, FineTuning, GuidanceMethod
from nag.diffusion.generation import DEFAULT_TRAINING
from nag.evaluation.predicted import default_predictor
from nag.evaluation.predicted.across_tasks import DEFAULT_SOURCE
from nag.predictors import Episodes

QUIET = "tracker.mode=disabled tracker.console=false device=cpu"


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_gives_the_same_weights(nag, products, tmp_path):
    small = "generator.width=16 generator.layers=1 training.max_steps=12 metric_samples=1"
    done = nag(f"train-generator search_space={products}/space.yaml {small} seed=3 {QUIET} out_dir={tmp_path}/g")
    assert done.code == 0, done.err
    space = door.load_space(f"{products}/space.yaml")
    made = partial(DiscreteGenerator, width=16, layers=1)
    trained = door.train_generator(space, generator=made, options=replace(DEFAULT_TRAINING, max_steps=12), seed=3, device="cpu")
    command, python = load_file(tmp_path / "g/generator.safetensors"), load_file(trained.save(tmp_path / "g.safetensors"))
    assert command.keys() == python.keys()
    assert all(command[name].equal(python[name]) for name in command)


@pytest.mark.parametrize(
    ("options", "guide"),
    [
        ("", lambda products: None),
        ("predictor={products}/accuracy/predictor.safetensors", lambda products: load_predictor(products, "accuracy")),
        (
            "predictor={products}/accuracy/predictor.safetensors predictors=[{products}/latency/predictor.safetensors]"
            " objective.limits={{latency: 5}}",
            lambda products: door.Guidance(
                [load_predictor(products, "accuracy"), load_predictor(products, "latency")], limits={"latency": 5}
            ),
        ),
    ],
    ids=["unguided", "predictor", "limit"],
)
def test_sampling_gives_the_same_samples(nag, products, tmp_path, options, guide):
    given = " ".join(f"'{word}'" for word in options.format(products=products).replace("{latency: 5}", "{latency:5}").split())
    generator = products / "told" / "generator.safetensors"
    done = nag(f"sample generator={generator} num_samples=6 seed=5 {given} {QUIET} out_dir={tmp_path}/s")
    assert done.code == 0, done.err
    found = door.load(generator).sample(6, guide=guide(products), seed=5)
    assert [row["arch"] for row in read_lines(tmp_path / "s/architectures.jsonl")] == found.to_pandas()["arch"].tolist()


def load_predictor(products: Path, name: str):
    return door.load(products / name / "predictor.safetensors")


def test_searching_gives_the_same_history(nag, products, tmp_path):
    done = nag(f"search task={products}/task/task.yaml budget=9 seed=2 {QUIET} out_dir={tmp_path}/h")
    assert done.code == 0, done.err
    study = door.search(door.load_task(products / "task/task.yaml"), budget=9, seed=2)
    rows = read_lines(tmp_path / "h/history.jsonl")
    assert [row["arch"] for row in rows] == study.to_pandas()["arch"].tolist()
    assert [row["search_value"] for row in rows] == [each.search_value for each in study.evaluations]


def test_training_across_tasks_gives_the_same_predictor(nag, tmp_path):
    names = ["nas_bench_graph/cora", "nas_bench_graph/cs"]
    done = nag(f"train-meta-predictor tasks=[{','.join(names)}] predictor=gp num_train=20 seed=1 {QUIET} out_dir={tmp_path}/m")
    assert done.code == 0, done.err
    made = door.fit_meta_predictor(
        [door.load_task(name) for name in names], predictor=door.predictors.GPPredictor, num_train=20, seed=1, device="cpu"
    )
    command, python = load_file(tmp_path / "m/meta_predictor.safetensors"), load_file(made.save(tmp_path / "m.safetensors"))
    assert command.keys() == python.keys()
    assert all(command[name].equal(python[name]) for name in command)


def configured(command: str, part: str):
    """What the command line builds of a part where no option is given."""
    with initialize_config_module("nag.conf", version_base="1.3"):
        return build(compose(command)[part])


def test_defaults_of_python_are_those_of_the_command_line():
    space = door.load_space("nasbench201")
    graphs = space.to_dags(space.sample(4, seed=0))
    assert configured("train_generator", "training") == DEFAULT_TRAINING
    assert configured("finetune_generator", "finetuning") == FineTuning()
    assert configured("sample", "guidance") == GuidanceMethod()
    made = configured("train_generator", "generator")(space=space, data=graphs)
    assert describe(made) == describe(DiscreteGenerator(space, graphs))
    stack = configured("train_predictor", "predictor")(space=space, seed=0)
    assert describe(stack) == describe(default_predictor(space))
    assert configured("train_meta_predictor", "episodes") == Episodes()
    source = configured("train_meta_predictor", "predictor")(space=space, seed=0)
    assert describe(source) == describe(DEFAULT_SOURCE(space=space, seed=0))
