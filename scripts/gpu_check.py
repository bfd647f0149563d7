"""Checks nag on a GPU, step by step, and records what it measured; called by scripts/gpu.sh."""

from __future__ import annotations

import argparse
import copy
import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from nag import __version__
from nag.core.documents import read_json
from nag.core.files import write_json, write_text
from nag.diffusion import AbsorbingKernel, DiscreteGenerator, LinearSchedule, accelerate
from nag.diffusion.chains import simulate
from nag.diffusion.generation import load_generator
from nag.predictors import GNNPredictor
from nag.spaces import load_space, sample_uniform
from nag.suites.parts.layered_graphs import LayeredGraphs
from nag.suites.parts.roofline import measure_roofline, seconds_of
from nag.suites.results.markdown import results_page
from nag.suites.results.rows import aggregate
from nag.suites.running.cells import CellResult, Measurement
from nag.suites.running.context import CellContext
from nag.suites.running.hardware import hardware
from nag.suites.speed import step_against_floor
from nag.suites.suite import Column, Table
from nag.workflows.run_folder.run import version_of

ROOT = Path(__file__).parents[1]
VERSIONS = ("torch", "torch-geometric", "lightning-fabric", "numpy", "hydra-core", "triton")
TOLERANCE = 1e-4
SECONDS = 340
QUIET = "tracker.mode=disabled tracker.console=false"
CELLS = """|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|
|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|
|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|none~1|nor_conv_1x1~2|
|skip_connect~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|skip_connect~1|nor_conv_3x3~2|
"""
MAKE = partial(DiscreteGenerator, kernel=AbsorbingKernel(), schedule=LinearSchedule(), width=64, layers=4, heads=4)

Found = Iterator[Measurement]


@dataclass(frozen=True)
class Context:
    """What a step may use.

    Args:
        device: "cuda" or "cpu".
        folder: Shared by the steps; a training leaves its generator in `<space>/generator.safetensors`.
    """

    device: str
    folder: Path

    def sized(self, gpu, cpu):
        """The first on a GPU, else the second."""
        return gpu if self.device == "cuda" else cpu

    def nag(self, line: str, name: str) -> dict:
        """Runs `nag LINE` in a process of its own; returns the metrics of its run folder `name`.

        Raises:
            RuntimeError: With the command's last words.
        """
        command = [*shlex.split(line), f"out_dir={self.folder / name}", f"device={self.device}", *QUIET.split()]
        done = subprocess.run([sys.executable, "-m", "nag.cli", *command], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"nag {line}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
        return read_json(self.folder / name / "metrics.json")


# -- steps: each yields what it finds as it goes -----------------------------------------------------------------------


def peaks(at: Context) -> Found:
    """Rates of a large matrix product and of a large copy."""
    for name in ("float32", "bfloat16"):
        seen = measure_roofline(torch.device(at.device), getattr(torch, name))
        yield from rows("device", "", name, tflops=seen.flops / 1e12, gb_per_second=seen.bandwidth / 1e9)


def tests(at: Context) -> Found:
    """The tests marked `gpu`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-o",
        "addopts=--strict-markers --import-mode=importlib",
        "-m",
        "gpu",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        str(ROOT / "tests/gpu"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "NAG_TEST_DEVICE": at.device})
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout[-400:])}
    yield from rows("tests", "", "gpu", **{word: counts.get(word, 0) for word in ("passed", "failed", "skipped")})
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:])


def training(space: str, at: Context) -> Found:
    """A training of fixed length, in bf16 on a GPU, and the validity of its samples."""
    steps, samples = at.sized(1500, 60), at.sized(2048, 128)
    line = f"train-generator search_space={space} training.max_steps={steps} metric_samples={samples}"
    if space == "nasbench101":
        made = load_space(space)
        drawn = made.to_architectures(sample_uniform(made, at.sized(20_000, 1000), 0))
        path = at.folder / f"{space}.txt"
        write_text(path, "\n".join(made.encode(arch) for arch in drawn) + "\n")
        line += f" architectures={path}"
    values = at.nag(line, space)
    names = ("steps", "steps_per_second", "loss", "validity_raw", "sampling_wall_seconds")
    yield from rows(space, "training", f"{steps} steps", **{name: values[name] for name in names})


def sampling(at: Context) -> Found:
    """Architectures a second by batch, compiled and plain, and a step against the device's floor."""
    plain = trained(at)
    device = plain.sizes.device
    fast = accelerate(copy.deepcopy(plain))
    for batch in at.sized((2048, 65536, 16384), (2048,)):
        for name, generator in (("plain", plain), ("compiled", fast)):
            first = time.perf_counter()
            draw(generator, batch, device)
            first = time.perf_counter() - first
            seconds = seconds_of(partial(draw, generator, batch, device), device)
            floor = step_against_floor(plain, batch, 0, None if generator is plain else fast)
            yield from rows("nasbench201", name, f"batch {batch:,}", per_second=batch / seconds, first_seconds=first, **floor)


def guided(at: Context) -> Found:
    """Samples guided by a predictor of 100 labels, looked up in the table."""
    weights = generator_file(at)
    task = "task=nasbench201/cifar10"
    predicted = at.nag(f"train-predictor {task} num_train=100", "predictor")
    line = f"sample generator={weights} predictor={at.folder / 'predictor/predictor.safetensors'} {task} num_samples=64"
    values = at.nag(line, "guided")
    names = ("true_percentile_mean", "uniform_true_percentile_mean", "num_samples", "sampling_wall_seconds", "wall_seconds")
    yield from rows("nasbench201", "guided", "100 labels", predictor_seconds=predicted["wall_seconds"], **pick(values, names))


def compiled_command(at: Context) -> Found:
    """`nag sample compile=true`."""
    count = at.sized(65_536, 64)
    values = at.nag(f"sample generator={generator_file(at)} num_samples={count} compile=true", "compiled")
    names = ("num_samples", "validity_raw", "sampling_wall_seconds", "wall_seconds")
    yield from rows("nasbench201", "nag sample compile=true", f"{count:,} samples", **pick(values, names))


def evaluation(at: Context) -> Found:
    """Four networks trained on digits."""
    path = at.folder / "four.txt"
    write_text(path, CELLS)
    line = f"evaluate task=digits/nasbench201 architectures={path} evaluator=train evaluator.device={at.device} export=false"
    values = at.nag(f"{line} evaluator.epochs={at.sized(12, 1)} executor.workers={at.sized(4, 2)}", "evaluation")
    yield from rows("nasbench201", "evaluate", "digits", **pick(values, ("count", "failed", "best", "evaluation_gpu_seconds")))
    if values["failed"]:
        raise RuntimeError(f"{values['failed']} of {values['count']} networks failed")


def equality(at: Context) -> Found:
    """Greatest difference from the CPU, in float32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    here = trained(at).cpu()
    space, there = here.space, copy.deepcopy(here).to(at.device)
    dags = sample_uniform(space, 512, 1)
    t = torch.linspace(0.02, 0.98, len(dags))
    x_t = here.noise(here.clean(dags), t, torch.Generator().manual_seed(0))
    moved = type(x_t)(x_t.nodes.to(at.device), x_t.edges.to(at.device), x_t.mask.to(at.device))
    with torch.no_grad():
        expected, found = here.denoise(x_t, t), there.denoise(moved, t.to(at.device))
    targets = (dags.ops == 3).sum(1).double() + torch.linspace(0, 1, len(dags), dtype=torch.float64)
    predictor = GNNPredictor(space, steps=50, members=2)
    predictor.fit(dags[:100], targets[:100])
    mean = predictor.predict(dags).mean
    differences = {
        "denoiser": float((found.nodes.cpu() - expected.nodes).abs().max()),
        "predictor": float((predictor.to(at.device).predict(dags.to(at.device)).mean.cpu() - mean).abs().max() / mean.std()),
        "codes": float((space.function_codes(dags.to(at.device)).cpu() != space.function_codes(dags)).sum()),
    }
    yield from rows("nasbench201", "equality", "float32", tolerance=TOLERANCE, **differences)
    if max(differences.values()) > TOLERANCE:
        raise RuntimeError(f"a difference from the CPU is above {TOLERANCE}: {differences}")


def memory(at: Context) -> Found:
    """Peak memory and seconds by number of nodes, and the exponents that fit them."""
    sizes = at.sized((64, 128, 256, 512), (64, 128))
    yield from LayeredGraphs(MAKE, sizes, 64).measure(CellContext(at.folder, 0, at.device))


STEPS: dict[str, tuple[Callable[[Context], Found], int]] = {
    "peaks": (peaks, 40),
    "tests": (tests, 100),
    "train-nasbench201": (partial(training, "nasbench201"), 60),
    "sampling": (sampling, 130),
    "equality": (equality, 40),
    "train-nasbench101": (partial(training, "nasbench101"), 70),
    "guided": (guided, 60),
    "evaluate": (evaluation, 60),
    "memory": (memory, 100),
    "compile-command": (compiled_command, 60),
}
"""Name -> what is measured and the most seconds that it may take on a GPU; what matters most comes first."""

TABLES = (
    Table("rates", (Column("tflops", "TFLOP a s", ".3g"), Column("gb_per_second", "GB a s", ".0f")), ("*",)),
    Table("tests", tuple(Column(name, name, ".0f") for name in ("passed", "failed", "skipped")), ("gpu",)),
    Table(
        "training",
        (
            Column("steps_per_second", "steps a s", ".1f"),
            Column("loss", "final loss", ".4f"),
            Column("validity_raw", "validity", ".3f"),
        ),
        ("*steps",),
    ),
    Table(
        "sampling",
        (
            Column("per_second", "architectures a s", ".0f"),
            Column("first_seconds", "s of the first batch", ".1f"),
            Column("step_seconds", "s a step", ".2e"),
            Column("floor_seconds", "floor, s", ".2e"),
            Column("times_floor", "times the floor", ".1f"),
            Column("gflops_per_step", "GFLOP a step", ".1f"),
        ),
        ("batch*",),
    ),
    Table(
        "guided sampling",
        (
            Column("true_percentile_mean", "percentile", ".1f"),
            Column("uniform_true_percentile_mean", "of uniform draws", ".1f"),
            Column("sampling_wall_seconds", "s of sampling", ".1f"),
        ),
        ("100 labels",),
    ),
    Table(
        "nag sample compile=true",
        (
            Column("num_samples", "samples", ".0f"),
            Column("validity_raw", "validity", ".3f"),
            Column("sampling_wall_seconds", "s of sampling", ".1f"),
        ),
        ("*samples",),
    ),
    Table(
        "networks trained",
        (
            Column("count", "networks", ".0f"),
            Column("failed", "failed", ".0f"),
            Column("best", "best accuracy", ".1f"),
            Column("evaluation_gpu_seconds", "GPU s", ".1f"),
        ),
        ("digits",),
    ),
    Table(
        "greatest difference from the CPU",
        tuple(Column(name, name, ".1e") for name in ("denoiser", "predictor", "codes", "tolerance")),
        ("float32",),
    ),
    Table(
        "memory and time by number of nodes",
        (
            Column("train_peak_mb", "peak MB, training", ".0f"),
            Column("sample_peak_mb", "peak MB, sampling", ".0f"),
            Column("train_seconds_per_step", "s a training step of 4 graphs", ".3f"),
            Column("seconds_per_sample", "s a sample", ".3f"),
        ),
        ("nodes=*",),
    ),
    Table(
        "growth",
        (
            Column("memory_exponent", "exponent of training memory", ".2f"),
            Column("train_exponent", "of training time", ".2f"),
            Column("sample_exponent", "of sampling time", ".2f"),
        ),
        ("fit",),
    ),
)


# -- helpers -----------------------------------------------------------------------------------------------------------


def rows(space: str, method: str, setting: str, **values: float | None) -> Found:
    """One measurement for each value."""
    for name, value in values.items():
        yield Measurement(space, "", method or setting, setting, name, value)


def pick(values: dict, names: tuple[str, ...]) -> dict[str, float]:
    """Some of the values."""
    return {name: values[name] for name in names}


def generator_file(at: Context) -> Path:
    """The generator that an earlier step trained.

    Raises:
        RuntimeError: It did not.
    """
    path = at.folder / "nasbench201" / "generator.safetensors"
    if not path.is_file():
        raise RuntimeError("step train-nasbench201 left no generator")
    return path


def trained(at: Context) -> DiscreteGenerator:
    """The generator of nasbench201 on the device; one of random weights where none was trained."""
    path = at.folder / "nasbench201" / "generator.safetensors"
    if path.is_file():
        generator = load_generator(path, at.device).generator
        assert isinstance(generator, DiscreteGenerator)
        return generator
    space = load_space("nasbench201")
    return MAKE(space=space, data=sample_uniform(space, 256, 0)).eval().to(at.device)


@torch.no_grad()
def draw(generator: DiscreteGenerator, batch: int, device: torch.device) -> object:
    """One batch of samples."""
    rng = torch.Generator(device).manual_seed(0)
    chain = generator.chain()
    return simulate(chain, chain.start(generator.draw_sizes(batch, rng), rng, generator.space.max_nodes), rng).to_dags()


def code_digest() -> str:
    """Digest of nag's code, configuration and spaces."""
    digest = hashlib.sha256()
    for pattern in ("nag/**/*.py", "conf/**/*.yaml", "search_spaces/*.yaml", "scripts/gpu_check.py"):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


# -- the run -----------------------------------------------------------------------------------------------------------


def run_step(name: str, at: Context, out: Path) -> None:
    """Runs one step in this process; what it yields is written at once, so that a step that is ended keeps it."""
    found: list[dict] = []
    error = ""
    try:
        for measurement in STEPS[name][0](at):
            found.append(asdict(measurement))
            write_json(out, {"found": found, "error": "it was ended"})
    except Exception as caught:
        traceback.print_exc()
        error = f"{type(caught).__name__}: {caught}"
    write_json(out, {"found": found, "error": error})


def watch_step(name: str, at: Context, seconds: float) -> tuple[str, list[Measurement], float]:
    """Runs one step in a process of its own: (error, what it found, seconds it took)."""
    out, started = at.folder / f"{name}.json", time.monotonic()
    command = [sys.executable, __file__, "--step", name, "--device", at.device, "--folder", str(at.folder)]
    process = subprocess.Popen(command, start_new_session=True)
    error = ""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        error = f"ended after {seconds:.0f} s"
    content = read_json(out) if out.is_file() else {"found": [], "error": f"exit code {process.returncode}"}
    found = [Measurement(**entry) for entry in content["found"]]
    return error or content["error"], found, time.monotonic() - started


def check(device: str, names: list[str], seconds: float, out: Path, command: str) -> int:
    """Runs the steps and writes the record; returns the number of steps that failed."""
    began = time.monotonic()
    steps, measured = {}, []
    with tempfile.TemporaryDirectory() as folder:
        at = Context(device, Path(folder))
        for name in names:
            left = began + seconds - time.monotonic()
            limit = min(left, STEPS[name][1]) if device == "cuda" else left
            error, found, took = watch_step(name, at, limit) if limit > 5 else ("no time was left", [], 0.0)
            measured.append(CellResult(name, 0, "", "", took, tuple(found)))
            steps[name] = {"status": "failed" if error else "ok", "seconds": round(took, 1), "error": error[-1500:]}
            print(f"{name}: {steps[name]['status']} in {took:.1f} s {error[-200:]}", flush=True)
    path = record(device, steps, measured, time.monotonic() - began, out, command)
    print(f"record: {path}")
    return sum(step["status"] == "failed" for step in steps.values())


def record(device: str, steps: dict[str, dict], measured: list[CellResult], seconds: float, out: Path, command: str) -> Path:
    """Writes gpu.json and gpu.md; a run on a CPU leaves the record of a GPU alone and writes gpu_cpu.json beside it."""
    path = out / "gpu.json"
    if device == "cpu" and path.is_file() and read_json(path).get("kind") == "cuda":
        path = out / "gpu_cpu.json"
    found = aggregate("gpu", measured)
    versions = {"python": platform.python_version(), "nag": __version__, **{name: version_of(name) for name in VERSIONS}}
    on = hardware(device, torch.get_num_threads())
    facts = {"command": command, "code": code_digest(), "kind": device, "device": on, "versions": versions}
    write_json(path, {**facts, "seconds": round(seconds, 1), "steps": steps, "rows": [asdict(row) for row in found]})
    header = {
        "command": f"`{command}`",
        "device": on if device == "cuda" else f"{on}: no GPU was at hand, so these are the smaller sizes of a trial on a CPU",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "code": facts["code"],
        "steps": "; ".join(f"{name} {step['status']} ({step['seconds']} s)" for name, step in steps.items()),
    }
    protocol = (
        "Each step runs in a process of its own. Rates are those of a large matrix product and of a large copy. The floor of "
        "a sampling step is the larger of its matrix products' operations over the first rate and the bytes of parameters, "
        f"inputs and outputs over the second. Differences from the CPU are in float32, without TF32; the tolerance is "
        f"{TOLERANCE:g}, of a predictor in standard deviations of its predictions."
    )
    write_text(path.with_suffix(".md"), results_page("GPU check", header, protocol, TABLES, found))
    return path


def main() -> None:
    """Parses the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results", help="folder of gpu.json and gpu.md")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time for all steps")
    parser.add_argument("--only", choices=list(STEPS), nargs="+", default=list(STEPS), help="steps to run")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if given.step:
        run_step(given.step, Context(device, given.folder), given.folder / f"{given.step}.json")
        return
    chosen = [] if given.only == list(STEPS) else ["--only", *given.only]
    command = " ".join(["bash scripts/gpu.sh", *chosen])
    sys.exit(1 if check(device, list(dict.fromkeys(given.only)), given.seconds, given.out, command) else 0)


if __name__ == "__main__":
    main()
