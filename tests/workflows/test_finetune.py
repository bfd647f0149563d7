"""The fine-tuning stage and the extrapolation experiment, end to end on small spaces."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from nag.cli import main
from nag.core.errors import DamagedFile, InvalidRequest
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule
from nag.diffusion.finetuning.finetuning import FineTuning
from nag.diffusion.generation import load_generator
from nag.evaluation import TableEvaluator
from nag.evaluation.predicted import fit_predictor, load_predictor
from nag.evaluation.predicted.rewards import LabelSource, PredictorSource
from nag.predictors import GNNPredictor, GPPredictor
from nag.spaces import enumerate_space, space_from_mapping
from nag.tasks import BenchmarkTable, Task, load_task
from nag.tracking.null import NullTracker
from nag.training import FitOptions, make_fabric
from nag.workflows.extrapolation import extrapolate, inverted, pretrain, slice_of
from nag.workflows.finetune_generator import finetune_generator
from nag.workflows.run_folder.run import RunFolder
from nag.workflows.train_generator import train_generator
from nag.workflows.train_predictor import train_predictor

MAKE = partial(DiscreteGenerator, kernel=AbsorbingKernel(), schedule=LinearSchedule(), width=16, layers=2, heads=2)
SHORT = FineTuning(rounds=4, batch_size=32, gradient_steps=4, learning_rate=5e-3, masks=4, elites=8)


@pytest.fixture(scope="module")
def task():
    """Four operations in a row, worth as many units as there are convolutions; the report metric is another one."""
    space = space_from_mapping(
        {
            "name": "chain",
            "operations": {"conv": "parametric", "pool": "parametric", "gate": "parametric"},
            "nodes": 6,
            "edges": [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]],
        }
    )
    every = enumerate_space(space)
    convs = (every.ops == space.vocabulary.index("conv")).sum(1).double().numpy()
    noise = np.random.default_rng(0).random(len(every))
    return Task(
        space,
        BenchmarkTable("chain", space, every, {"valid": convs + noise / 9, "test": convs}),
        "valid",
        "test",
        name="chain/convs",
    )


def folder(path, command="finetune-generator", seed=0) -> RunFolder:
    return RunFolder(path, command, seed, "cpu", {"seed": seed}, NullTracker())


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    run = folder(tmp_path_factory.mktemp("g"), "train-generator")
    options = FitOptions(max_steps=60, batch_size=32, warmup_steps=5, ema_decay=0.9)
    return load_generator(train_generator(run, task.table.space, MAKE, options, make_fabric("cpu"), metric_samples=20))


@pytest.mark.parametrize("rewards", ["labels", "predictor"])
def test_a_finished_run_goes_on_to_what_one_run_would_have_given(task, trained, tmp_path, rewards):
    fitted = fit_predictor(task.measure(task.space.sample(40, seed=0)), predictor=GPPredictor, device="cpu", progress=False)

    def run(name: str, rounds: int, resume: bool = False) -> dict:
        source = LabelSource(task, TableEvaluator(task), 500) if rewards == "labels" else PredictorSource(fitted)
        own = RunFolder(tmp_path / name, "finetune-generator", 0, "cpu", {"seed": 0}, NullTracker(), resume=resume)
        finetune_generator(own, trained, source, replace(SHORT, rounds=rounds), 30)
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        return {key: value for key, value in metrics.items() if "seconds" not in key}

    whole = run("whole", 4)
    run("parts", 1)
    assert run("parts", 4, resume=True) == whole
    weights = [load_generator(tmp_path / name / "generator.safetensors").generator.state_dict() for name in ("whole", "parts")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert (tmp_path / "whole" / "history.jsonl").read_text() == (tmp_path / "parts" / "history.jsonl").read_text()
    assert run("parts", 4, resume=True) == whole  # there is nothing left to do
    with pytest.raises(InvalidRequest, match=r"rounds=4 or more"):
        run("parts", 2, resume=True)


@pytest.mark.parametrize(
    "content", [b"", b"none", {"identity": 3}, {"identity": "x"}, {"rows": 3}, {"policy": {}}, {"rng": torch.zeros(2)}]
)
def test_a_damaged_state_is_refused_in_one_line(task, trained, tmp_path, content):
    own = RunFolder(tmp_path, "finetune-generator", 0, "cpu", {"seed": 0}, NullTracker(), resume=True)
    path, source = tmp_path / "finetune_state.pt", LabelSource(task, TableEvaluator(task), 500)
    finetune_generator(own, trained, source, replace(SHORT, rounds=1, batch_size=4), 4)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({**torch.load(path, weights_only=True), **content}, path)
    with pytest.raises((DamagedFile, InvalidRequest), match=r"fine-tuning") as caught:
        finetune_generator(own, trained, source, replace(SHORT, rounds=2, batch_size=4), 4)
    assert "\n" not in str(caught.value)


def test_labels_are_bought_counted_and_written(task, trained, tmp_path):
    before = {name: value.clone() for name, value in trained.generator.state_dict().items()}
    path = finetune_generator(folder(tmp_path), trained, LabelSource(task, TableEvaluator(task), 60), SHORT, 200)
    assert all(torch.equal(before[name], value) for name, value in trained.generator.state_dict().items())
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert metrics["labels_used"] == rows[-1]["labels_used"] <= 60
    assert [row["labels_used"] for row in rows] == sorted(row["labels_used"] for row in rows)
    assert metrics["rounds"] == len(rows)
    assert metrics["reward_before"] == rows[0]["reward_mean"] < metrics["reward_after"] == rows[-1]["reward_mean"]
    assert metrics["best_search_metric"] == metrics["reward_best"]
    assert metrics["kl_to_base"] > 0
    assert metrics["network_evaluations"] == 4 * len(rows)
    assert metrics["train_cpu_seconds"] >= trained.metadata["train_cpu_seconds"]
    assert {"validity_raw", "uniqueness_reference", "novelty"} <= set(metrics)
    tuned = load_generator(path)
    assert tuned.metadata["finetuned"]["task"] == task.name
    assert tuned.metadata["labels_used"] == metrics["labels_used"]
    assert tuned.reference.train_codes.equal(trained.reference.train_codes)

    again = finetune_generator(folder(tmp_path / "again"), tuned, LabelSource(task, TableEvaluator(task), 5), SHORT, 20)
    assert load_generator(again).metadata["labels_used"] == metrics["labels_used"] + 5
    assert json.loads((tmp_path / "again" / "metrics.json").read_text())["labels_used"] == metrics["labels_used"] + 5

    def worth(generator):
        dags = generator.sample(300, torch.Generator().manual_seed(0))
        return task.table.values("test", dags).mean()

    assert worth(tuned.generator) > worth(trained.generator) + 0.5


def test_a_spent_budget_ends_the_run(task, trained, tmp_path):
    finetune_generator(folder(tmp_path), trained, LabelSource(task, TableEvaluator(task), 5), SHORT, 50)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["labels_used"], metrics["rounds"]) == (5, 1)


def test_a_predictor_as_reward_costs_its_own_labels_only(task, trained, tmp_path):
    make = partial(GNNPredictor, steps=40, members=1)
    predictor = load_predictor(train_predictor(folder(tmp_path / "p", "train-predictor"), task, make, 40))
    path = finetune_generator(folder(tmp_path / "f"), trained, PredictorSource(predictor), SHORT, 200)
    metrics = json.loads((tmp_path / "f" / "metrics.json").read_text())
    assert metrics["labels_used"] == 40
    assert metrics["predictor_evaluations"] >= 4 * 32
    assert metrics["reward_after"] > metrics["reward_before"] + 0.2
    assert load_generator(path).metadata["finetuned"]["reward"] == "predicted normal score"


def test_a_reward_of_another_space_is_refused_before_anything_is_written(trained, tmp_path):
    cora = load_task("nas_bench_graph/cora")
    with pytest.raises(InvalidRequest, match="belongs to chain"):
        finetune_generator(folder(tmp_path / "f"), trained, LabelSource(cora, TableEvaluator(cora), 5), SHORT)
    assert not (tmp_path / "f").exists()


def test_slices_hold_whole_functions_of_the_worst_or_the_best(task):
    classes, values = task.table.canonical, task.search_values
    for share in (0.07, 0.3):
        worst, best, drawn = (slice_of(task, which, share) for which in ("worst", "best", "random"))
        for rows in (worst, best, drawn):
            assert abs(len(rows) - share * len(task.table)) <= np.bincount(classes).max()
            outside = np.setdiff1d(task.rows, rows)
            assert not np.isin(classes[outside], classes[rows]).any()
        assert values[worst].max() <= values[np.setdiff1d(task.rows, worst)].max()
        assert values[worst].mean() < values[drawn].mean() < values[best].mean()
        assert np.array_equal(slice_of(inverted(task), "worst", share), best)
        assert not np.array_equal(drawn, slice_of(task, "random", share, seed=1))
    with pytest.raises(InvalidRequest, match="middle"):
        slice_of(task, "middle")


@pytest.mark.parametrize("inverse", [pytest.param(False, marks=pytest.mark.slow), True])
def test_finetuning_reaches_beyond_the_training_set(task, inverse):
    task = inverted(task) if inverse else task
    rows = slice_of(task, "worst", 0.3)
    options = FitOptions(max_steps=80, batch_size=32, warmup_steps=5, ema_decay=0.9)
    generator = pretrain(task, rows, MAKE, options, make_fabric("cpu"), NullTracker(), 0)
    found = extrapolate(task, generator, rows, replace(SHORT, rounds=8), 70, 0, samples=300)
    sign = -1 if inverse else 1
    assert found.train_size == len(rows)
    assert found.ceiling == sign * max(sign * task.report_values[rows])
    assert found.ledger.labels_used <= 70
    assert found.labels_to_beat is not None
    assert found.labels_to_beat <= found.ledger.labels_used
    assert sign * (found.after.mean - found.before.mean) > 0.5
    assert found.after.beyond > found.before.beyond
    assert found.beyond_ceiling == sign * (found.best_found - found.ceiling) > 0
    assert all(isinstance(value, float | int | None) for value in found.as_metrics().values())
    assert found.as_metrics()["labels_used"] == found.ledger.labels_used


def nag(line: str, monkeypatch, capsys) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["nag", *shlex.split(line)])
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    text = capsys.readouterr()
    return code, text.out, text.err


QUICK = "tracker.mode=disabled tracker.console=false"


def test_the_command_makes_a_generator_that_sample_reads(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    small = "generator.width=16 generator.layers=2 training.max_steps=20 metric_samples=8"
    code, _, err = nag(f"train-generator search_space=nasbench201 {small} out_dir=g {QUICK}", monkeypatch, capsys)
    assert code == 0, err
    options = "task=analog_nasbench/digital budget=12 finetuning.rounds=2 finetuning.batch_size=8 metric_samples=20"
    code, out, err = nag(
        f"finetune-generator generator=g/generator.safetensors {options} out_dir=f {QUICK}", monkeypatch, capsys
    )
    assert code == 0, err
    assert "labels_used" in out
    assert json.loads((tmp_path / "f" / "metrics.json").read_text())["labels_used"] <= 12
    assert (tmp_path / "f" / "config.yaml").is_file()
    code, _, err = nag(f"sample generator=f/generator.safetensors num_samples=4 out_dir=s {QUICK}", monkeypatch, capsys)
    assert code == 0, err
    assert len((tmp_path / "s" / "architectures.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"generator={__file__}", ["reward", "predictor=PATH"]),
        (f"generator={__file__} predictor={__file__} task=nas_bench_graph/cora", ["one only"]),
        ("generator=none.safetensors task=nas_bench_graph/cora", ["none.safetensors", "does not exist"]),
        ("generator=none.safetensors task=nas_bench_graph/cora budget=0", ["budget is 0"]),
        ("generator=none.safetensors task=nas_bench_graph/coar", ["coar", "Did you mean"]),
        ("generator=none.safetensors task=nas_bench_graph/cora finetuning.masc=3", ["masc", "Did you mean 'masks'?"]),
        ("task=nas_bench_graph/cora", ["generator", "missing"]),
    ],
)
def test_mistakes_are_told_in_one_line(line, words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = nag(f"finetune-generator {line} {QUICK}", monkeypatch, capsys)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("error: ")
    for word in words:
        assert word in err
    assert not list(tmp_path.iterdir())
