"""Kinds of generators and guidance, conditions, given architectures and fine-tuning on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUIET = "tracker.mode=disabled tracker.console=false"
TINY = f"generator.width=16 generator.layers=1 training.max_steps=3 metric_samples=8 {QUIET}"
LEARNT = TINY.replace("max_steps=3", "max_steps=150")  # two graphs, well enough for valid samples
TWO_TILES = "op_7,op_2;0>1,1>2,2>3\nop_7,op_19,op_2;0>1,0>2,1>3,2>3,3>4\n"
VALUE = "guidance.proposal.graphs=16 guidance.proposal.training_steps=3"


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


def depth_of(row: dict) -> int:
    """Edges of the longest path to the last node."""
    level = [0] * len(row["ops"])
    for u, v in sorted(row["edges"], key=lambda edge: edge[1]):
        level[v] = max(level[v], level[u] + 1)
    return level[-1]


def refused(outcome, *words: str) -> None:
    assert outcome.code == 2, outcome
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert outcome.err.startswith("error: ")
    for word in words:
        assert word in outcome.err, outcome.err
    assert not Path("s").exists()


@pytest.fixture
def sample(nag, products):
    """Runs `nag sample` with a generator and, unless told otherwise, the accuracy's predictor, into the folder `s`."""

    def run(line: str, generator: str = "told", steered: bool = True):
        predictor = f"predictor={products}/accuracy/predictor.safetensors" if steered else ""
        return nag(f"sample generator={products}/{generator}/generator.safetensors {predictor} out_dir=s {QUIET} {line}")

    return run


@pytest.mark.parametrize(
    ("generator", "line"),
    [
        ("told", "guidance=particles guidance.proposal.per_sample=2"),
        ("told", f"guidance=gradient {VALUE}"),
        ("told", f"guidance=exact {VALUE} steps=2"),
        ("told", "guidance=candidates guidance.proposal.number=2"),
        ("told", "guidance=metropolis guidance.pool=2 guidance.corrector.rounds=2"),
        ("told", "guidance=evolution guidance.proposal.population=4 guidance.proposal.generations=2"),
        ("vp", "guidance=particles guidance.proposal.per_sample=2"),
        ("vp", "guidance.corrector=null"),
        ("drawn", "guidance=evolution guidance.proposal.population=32 guidance.proposal.generations=2"),
    ],
)
def test_guidances(sample, generator, line):
    outcome = sample(f"num_samples=2 {line}", generator)
    assert outcome.code == 0, outcome
    assert metrics("s")["guided"]
    assert metrics("s")["num_samples"] == len(Path("s/architectures.jsonl").read_text().splitlines()) <= 2


def test_a_generator_is_told_what_is_wanted_without_a_predictor(sample):
    means = []
    for depth in (0.5, 0.98):  # what 250 steps have learned of
        wanted = f"guidance.proposal.condition.depth={depth} guidance.proposal.weight=6"
        line = f"guidance=classifier_free {wanted} num_samples=48"
        assert sample(line, steered=False).code == 0
        assert metrics("s")["guided"]
        assert metrics("s")["num_samples"] == 48
        rows = [json.loads(line) for line in Path("s/architectures.jsonl").read_text().splitlines()]
        means.append(sum(depth_of(row) for row in rows) / len(rows))
    assert means[0] < means[1]


@pytest.mark.parametrize(
    ("generator", "line", "words"),
    [
        ("told", "guidance=classifier_free guidance.proposal.condition.dept=0.9", ["dept", "Did you mean 'depth'?"]),
        ("vp", "guidance=classifier_free guidance.proposal.condition.depth=0.9", ["depth", "conditions="]),
        ("told", "guidance=classifier_free guidance.proposal.condition.depth=3", ["depth is 3", "at least 0 and at most 1"]),
        ("told", "guidance=classifier_free", ["condition"]),
        ("vp", "guidance=exact", ["exact", "guidance=gradient"]),
        ("vp", "", ["discrete generator", "guidance.corrector=null"]),
        ("vp", "guidance=metropolis", ["discrete generator", "guidance.corrector=null"]),
        (
            "vp",
            "guidance=front objective.pareto=true 'objective.minimise={num_edges: 1, depth: 1}'",
            ["discrete generator", "generator=absorbing"],
        ),
    ],
)
def test_mistakes_of_guidance(sample, generator, line, words):
    refused(sample(line, generator), *words)


@pytest.mark.parametrize("kind", ["ve", "subvp", "vp"])
def test_score_generators_train(nag, products, kind):
    line = f"train-generator search_space={products}/space.yaml generator={kind} generator.steps=2 out_dir=g {TINY}"
    assert nag(line).code == 0
    assert metrics("g")["steps"] == 3
    assert metrics("g")["loss"] > 0


def test_a_generator_without_a_network_has_no_loss(products):
    text = (products / "drawn" / "metrics.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["loss"] is None


def test_a_generator_without_a_network_cannot_be_told_anything(nag, products):
    line = f"train-generator search_space={products}/space.yaml generator=evolutionary out_dir=s {QUIET}"
    refused(nag(f"{line} conditions.depth=null"), "UniformGenerator", "conditions")


def test_given_architectures_are_what_is_learned(nag, products):
    Path("given.txt").write_text("conv,pool;0>1,1>2,2>3\n" * 3 + "gate,gate;0>1,1>2,2>3\n")
    line = f"train-generator search_space={products}/space.yaml architectures=given.txt out_dir=g {TINY}"
    assert nag(line).code == 0
    assert metrics("g")["train_size"] == 4
    assert nag(f"sample generator=g/generator.safetensors num_samples=3 out_dir=s {QUIET}").code == 0
    for row in Path("s/architectures.jsonl").read_text().splitlines():
        assert len(json.loads(row)["ops"]) == 4  # sizes follow the given ones


def test_large_graphs_come_from_a_file(nag):
    Path("tiles.txt").write_text(TWO_TILES)
    train = f"train-generator search_space=tpu_tiles generator.heads=1 out_dir=g {LEARNT}"
    told = "'conditions={depth: null}'"
    assert nag(f"{train} architectures=tiles.txt {told}").code == 0
    assert metrics("g")["train_size"] == 2
    assert nag(f"sample generator=g/generator.safetensors num_samples=2 out_dir=t {QUIET}").code == 0
    refused(nag(f"{train} out_dir=s"), "tpu_tiles", "architectures=FILE")


@pytest.mark.data
def test_large_graphs_are_looked_up_without_uniform_draws(nag):
    Path("tiles.txt").write_text(TWO_TILES)
    assert nag(f"train-generator search_space=tpu_tiles architectures=tiles.txt out_dir=g {LEARNT}").code == 0
    line = f"sample generator=g/generator.safetensors task=tpu_tiles/runtime num_samples=2 out_dir=t {QUIET}"
    assert nag(line).code == 0
    assert metrics("t")["task"] == "tpu_tiles/runtime"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("architectures=none.txt", ["none.txt", "does not exist"]),
        ("architectures=bad.txt", ["architecture 2", "tanh"]),
        ("architectures=empty.txt", ["empty.txt"]),
        ("'conditions={dept: null}'", ["dept", "Did you mean 'depth'?"]),
        ("'conditions={good: none.safetensors}'", ["none.safetensors", "does not exist"]),
        ("conditions=3", ["conditions is 3"]),
        ("generator=evolutionary", ["generator.width", "The chosen generator has no 'width'"]),
        ("condition.depth=null", ["condition"]),
    ],
)
def test_mistakes_of_training(nag, products, line, words):
    Path("bad.txt").write_text("conv,pool;0>1,1>2,2>3\ntanh,pool;0>1,1>2,2>3\n")
    Path("empty.txt").write_text("\n")
    refused(nag(f"train-generator search_space={products}/space.yaml out_dir=s {TINY} {line}"), *words)


def test_fine_tuning_on_labels_and_on_a_predictor(nag, products):
    tune = (
        f"finetune-generator generator={products}/told/generator.safetensors metric_samples=8 finetuning.batch_size=16 {QUIET}"
    )
    few = "finetuning.rounds=2 finetuning.gradient_steps=1 finetuning.masks=2"
    assert nag(f"{tune} {few} task={products}/task/task.yaml budget=12 out_dir=l").code == 0
    assert 0 < metrics("l")["labels_used"] <= 12
    assert nag(f"{tune} {few} predictor={products}/accuracy/predictor.safetensors out_dir=p").code == 0
    assert metrics("p")["labels_used"] == 60
    assert nag(f"sample generator=p/generator.safetensors num_samples=2 out_dir=t {QUIET}").code == 0
    assert metrics("t")["labels_used"] == 60
    refused(nag(f"{tune} out_dir=s"), "reward", "predictor=PATH")
    refused(nag(f"{tune} task={products}/task/task.yaml budget=0 out_dir=s"), "budget is 0")
    vp = tune.replace("/told/", "/vp/")
    refused(nag(f"{vp} predictor={products}/accuracy/predictor.safetensors out_dir=s"), "ScoreGenerator", "discrete")
