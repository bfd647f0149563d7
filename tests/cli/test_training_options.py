"""Options of training and sampling that cannot be: one line and exit code 2, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

QUIET = "tracker.mode=disabled tracker.console=false out_dir=r"
TRAIN = "train-generator search_space={p}/space.yaml"
LABEL = "train-predictor task={p}/task/task.yaml num_train=20"
SAMPLE = "sample generator={p}/told/generator.safetensors"
LINES = [
    *(f"{TRAIN} training.learning_rate={value}" for value in ("nan", "inf", "-inf", "1e30", "0", "-1")),
    *(f"{TRAIN} training.weight_decay={value}" for value in ("nan", "inf", "-1")),
    *(f"{TRAIN} training.gradient_clip={value}" for value in ("nan", "inf", "0")),
    *(f"{TRAIN} training.ema_decay={value}" for value in ("nan", "2", "1", "-0.1")),
    *(f"{TRAIN} training.max_seconds={value}" for value in ("nan", "0", "inf")),
    *(f"{TRAIN} training.batch_size={value}" for value in ("1000000000", "0", "1.5", "nan")),
    *(f"{TRAIN} training.max_steps={value}" for value in ("-1", "1e12", "true")),
    *(f"{TRAIN} generator.{option}" for option in ("layers=-1", "layers=0", "width=0", "width=63", "width=1e9", "heads=0")),
    *(f"{TRAIN} generator=vp generator.{option}" for option in ("width=63", "heads=0", "heads=3", "steps=0", "layers=-1")),
    *(f"{TRAIN} {option}" for option in ("metric_samples=-1", "train_fraction=nan", "seed=20261128120000", "seed=-1")),
    *(f"{LABEL} predictor=gnn predictor.{option}" for option in ("learning_rate=nan", "learning_rate=1e20", "width=0")),
    *(f"{LABEL} predictor=transformer predictor.{option}" for option in ("width=63", "heads=0", "dropout=1")),
    f"{LABEL} maximise=false",
    f"{SAMPLE} num_samples=1000000000000",
    f"{SAMPLE} num_samples=0",
    f"{SAMPLE} steps=0",
    f"{SAMPLE} predictor={{p}}/accuracy/predictor.safetensors guidance.scale=inf",
    f"{SAMPLE} predictor={{p}}/accuracy/predictor.safetensors guidance.scale=nan",
    f"{SAMPLE} predictor={{p}}/accuracy/predictor.safetensors guidance.pool=0",
    f"{SAMPLE} guidance=gradient",
    f"{SAMPLE} guidance=particles",
    f"{SAMPLE} guidance=evolution",
    f"{SAMPLE} task={{p}}/task/task.yaml budget=5 guidance=none",
    "sample generator=null",
]


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=[pytest.mark.slow] if place % 2 else []) for place, line in enumerate(LINES)]
)
def test_options_that_cannot_be_are_refused_before_any_work(nag, products, line):
    outcome = nag(f"{line.format(p=products)} {QUIET}")
    assert outcome.code == 2, outcome
    assert outcome.err.startswith("error: ")
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert len(outcome.err) < 500
    assert not Path("r").exists()
