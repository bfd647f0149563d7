"""A run that is killed in the middle, for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import torch

SCRIPT = """
import sys, time
from pathlib import Path
import torch
from torch import nn
from nag.tracking.null import NullTracker
from nag.training import FitOptions, SavedTraining, fit, make_fabric

torch.set_num_threads(1)
state, weights, pause, resume = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4] == "resume"
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 64), nn.GELU(), nn.Linear(64, 1))

def loss(module, rng):
    time.sleep(pause)
    x = torch.randn(32, 4, generator=rng)
    return {"loss": (module(x) - x.sum(1, keepdim=True).sin()).square().mean()}

options = FitOptions(max_steps=200, save_every_seconds=0.0)
result = fit(model, loss, options, make_fabric("cpu"), NullTracker(), 0, SavedTraining(state, resume))
torch.save(result.model.state_dict(), weights)
"""


def test_a_killed_run_resumes_to_the_same_weights(tmp_path, monkeypatch):
    def run(*arguments: object) -> None:
        """The script in this process: only what is killed needs one of its own."""
        monkeypatch.setattr(sys, "argv", ["-c", *map(str, arguments)])
        with torch.random.fork_rng():
            exec(compile(SCRIPT, "<script>", "exec"), {"__name__": "__main__"})

    run(tmp_path / "whole.pt", tmp_path / "whole_weights.pt", 0, "fresh")
    state = tmp_path / "state.pt"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(state), str(tmp_path / "never.pt"), "0.02", "fresh"])
    deadline = time.monotonic() + 60
    step = 0
    while step < 20:
        assert process.poll() is None
        assert time.monotonic() < deadline
        if state.exists():
            step = torch.load(state, weights_only=True)["step"]
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 20 <= torch.load(state, weights_only=True)["step"] < 200
    run(state, tmp_path / "weights.pt", 0, "resume")
    assert not (tmp_path / "never.pt").exists()
    whole, resumed = (torch.load(tmp_path / name, weights_only=True) for name in ("whole_weights.pt", "weights.pt"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
