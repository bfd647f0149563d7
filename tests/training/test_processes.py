"""Several CPU processes, for real: they train as one does, resume, and end together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from nag.cli import main
from nag.core.errors import InvalidRequest
from nag.tracking import NullTracker
from nag.training import FitOptions, device_named, fit, make_fabric

SPACE = """
name: tiny
operations: {conv: parametric, pool: parametric, skip: identity}
nodes: [3, 5]
edges: free
required: [[0, 1]]
allowed: [[conv, pool], [conv, pool, skip]]
constraints: {all_nodes_on_a_path: true}
"""
TINY = (
    "device=cpu training.max_steps=30 training.batch_size=32 training.warmup_steps=5 generator.width=16 generator.layers=1"
    " generator.heads=2 metric_samples=20 tracker.mode=disabled"
)
SCRIPT = """
import os, signal, sys
import torch
from pathlib import Path
from nag.tracking import NullTracker
from nag.training import FitOptions, SavedTraining, ending_together, fit, make_fabric
sys.path.insert(0, sys.argv[1])
from shared import small_model, squared_error

folder, last = Path(sys.argv[1]), int(sys.argv[2])
fabric = make_fabric("cpu", 2)
calls = []

def loss(model, rng):
    if len(calls) == last and fabric.is_global_zero:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(1)
    return squared_error(model, rng, fabric.global_rank, fabric.world_size)

options = FitOptions(max_steps=30, batch_size=32, learning_rate=1e-2, save_every_seconds=0.0)
with ending_together(fabric):
    result = fit(small_model(), loss, options, fabric, NullTracker(), 0, SavedTraining(folder / "state.pt", resume=True))
if fabric.is_global_zero:
    torch.save(result.model.state_dict(), folder / "weights.pt")
"""
SHARED = """
import torch
from torch import nn

def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1)).double()

def squared_error(model, rng, rank, world):
    x = torch.randn(32, 4, generator=rng, dtype=torch.float64)[rank::world]
    return {"loss": (model(x) - x.sum(1, keepdim=True).sin()).square().mean()}
"""


def train(folder: Path, more: str) -> list[str]:
    (folder / "space.yaml").write_text(SPACE)
    return ["train-generator", f"search_space={folder / 'space.yaml'}", *TINY.split(), *more.split()]


def train_here(folder: Path, seed: int, monkeypatch) -> dict[str, torch.Tensor]:
    out = folder / f"seed{seed}"
    monkeypatch.setattr(sys, "argv", ["nag", *train(folder, f"seed={seed} out_dir={out}")])
    main()
    return without_key_biases(load_file(out / "generator.safetensors"))


def without_key_biases(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Attention does not depend on the keys' biases: their gradients are rounding errors, which Adam makes into steps."""
    parts = {name: value.chunk(3) for name, value in weights.items() if name.endswith("qkv.bias")}
    assert parts
    return {**weights, **{name: torch.cat([queries, values]) for name, (queries, _, values) in parts.items()}}


def difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a if a[name].numel())


@pytest.mark.slow
def test_two_processes_train_the_same_generator_as_one(tmp_path, monkeypatch):
    out = tmp_path / "two"
    command = [sys.executable, "-m", "nag.cli", *train(tmp_path, f"devices=2 out_dir={out}")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    one, other = (train_here(tmp_path, seed, monkeypatch) for seed in (0, 1))
    two = without_key_biases(load_file(out / "generator.safetensors"))
    assert difference(one, two) < 1e-5
    assert difference(one, other) > 1e-2
    losses = [json.loads((tmp_path / name / "metrics.json").read_text())["loss"] for name in ("seed0", "two")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert done.stdout.count("generator: ") == 1
    events = [json.loads(line)["event"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert events.count("start") == events.count("finish") == 1
    assert not (tmp_path / "runs").exists()


def run_script(folder: Path, last: int) -> subprocess.CompletedProcess[str]:
    (folder / "shared.py").write_text(SHARED)
    (folder / "script.py").write_text(SCRIPT)
    # The pipe ends with the last process that holds it, so this waits for all of them.
    command = [sys.executable, str(folder / "script.py"), str(folder), str(last)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_two_killed_processes_resume_to_the_weights_of_one_and_end_together(tmp_path, monkeypatch):
    assert run_script(tmp_path, last=10).returncode != 0
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 10
    assert not (tmp_path / "weights.pt").exists()
    resumed = run_script(tmp_path, last=99)
    assert resumed.returncode == 0, resumed.stderr

    monkeypatch.syspath_prepend(tmp_path)
    namespace: dict = {}
    exec(SHARED, namespace)
    options = FitOptions(max_steps=30, batch_size=32, learning_rate=1e-2)
    one = fit(
        namespace["small_model"](), lambda m, r: namespace["squared_error"](m, r, 0, 1), options, make_fabric("cpu"),
        NullTracker(), 0,
    )  # fmt: skip
    assert difference(one.model.state_dict(), torch.load(tmp_path / "weights.pt", weights_only=True)) < 1e-9

    (tmp_path / "state.pt").write_bytes(b"no state")
    refused = run_script(tmp_path, last=99)
    assert refused.returncode == 1
    assert refused.stderr.count("DamagedFile: ") == 1  # told by process 0 alone


def test_a_batch_must_be_shared_equally():
    FitOptions(batch_size=32).check_processes(4)
    with pytest.raises(InvalidRequest, match="cannot be shared by 3"):
        FitOptions(batch_size=32).check_processes(3)


def test_unknown_numbers_of_devices_are_refused():
    with pytest.raises(InvalidRequest, match="0 devices"):
        make_fabric("cpu", 0)


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_a_device_is_that_of_fabric(name):
    assert device_named(name) == make_fabric(name).device


def test_missing_devices_are_refused():
    with pytest.raises(InvalidRequest, match=r"no device 'tpu'. Use device auto or cpu"):
        device_named("tpu")


def test_the_mean_over_shares_is_the_loss_of_the_whole(tiny_generator):
    generator, data = tiny_generator
    whole = generator.loss(data, torch.Generator().manual_seed(3))
    shares = [generator.loss(data, torch.Generator().manual_seed(3), share=slice(rank, None, 2)) for rank in range(2)]
    assert float(whole.total.detach()) == pytest.approx(sum(float(part.total.detach()) for part in shares) / 2, abs=1e-6)
    assert float(shares[0].total.detach()) != pytest.approx(float(shares[1].total.detach()), abs=1e-3)


@pytest.fixture
def tiny_generator(whole):
    from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule

    space, data = whole("nasbench201")
    data = data[:64]
    torch.manual_seed(0)
    generator = DiscreteGenerator(space, data, AbsorbingKernel(), LinearSchedule(), width=16, layers=1, heads=2)
    assert isinstance(generator, nn.Module)
    return generator, data
