"""No command changes the global random state of Python, numpy or torch."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

QUIET = "tracker.mode=disabled tracker.console=false"
G = "generator={p}/told/generator.safetensors"
P = "predictor={p}/accuracy/predictor.safetensors"
TRAIN = (
    "train-generator search_space={p}/space.yaml training.max_steps=3 training.batch_size=16 metric_samples=4"
    " generator.width=16 generator.layers=1"
)
LABEL = "train-predictor task={p}/task/task.yaml num_train=20"
SEARCH = "search task={p}/task/task.yaml budget=8"
GNN = "predictor.members=1 predictor.steps=4"
LINES = {
    **{
        f"train-generator {kind}": f"{TRAIN} generator={kind}"
        for kind in ("absorbing", "marginal", "uniform", "vp", "ve", "subvp")
    },
    **{f"train-predictor {kind}": f"{LABEL} predictor={kind}" for kind in ("trees", "gp", "process")},
    "train-predictor gnn": f"{LABEL} predictor=gnn {GNN}",
    "train-predictor transformer": f"{LABEL} predictor=transformer {GNN}",
    **{
        f"sample {kind}": f"sample {G} {P} num_samples=4 guidance={kind}"
        for kind in ("none", "default", "candidates", "particles", "evolution")
    },
    **{
        f"sample {kind}": f"sample {G} {P} num_samples=4 guidance={kind} guidance.proposal.graphs=20"
        " guidance.proposal.training_steps=2"
        for kind in ("gradient",)
    },
    "sample task": f"sample {G} task={{p}}/task/task.yaml num_samples=4 guidance=none",
    "finetune-generator": f"finetune-generator {G} {P} metric_samples=4 finetuning.rounds=1",
    **{
        f"search {kind}": f"{SEARCH} strategy={kind}"
        for kind in ("default", "random", "evolution", "gp", "bananas", "smbo", "mcts", "local_search")
    },
}


@contextmanager
def untouched_state() -> Iterator[None]:
    random.seed(11), np.random.seed(11), torch.manual_seed(11)
    python, array, tensor = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    assert random.getstate() == python
    assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), array, strict=True))
    assert torch.equal(torch.get_rng_state(), tensor)


@pytest.mark.parametrize(
    "line",
    [pytest.param(line, marks=[pytest.mark.slow] if place % 2 else []) for place, line in enumerate(LINES.values())],
    ids=LINES,
)
def test_commands_leave_the_global_random_state(nag, products, line):
    with untouched_state():
        outcome = nag(f"{line.format(p=products)} out_dir=r {QUIET}")
    assert outcome.code == 0, outcome.err
