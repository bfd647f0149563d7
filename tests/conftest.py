"""Marks and fixtures of the test suite: tests marked `data` run where the benchmark tables are at hand, `gpu` on a GPU."""

import copy
import multiprocessing
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from importlib import import_module
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import save_file

from nag.cli import composition
from nag.graphs import DagBatch
from nag.spaces import SearchSpace, enumerate_space, load_space

torch.set_num_threads(1)  # several processes with many threads each spin against each other

_BESIDE_THE_REPOSITORY = Path(__file__).parents[2] / "shared" / "data"

if "NAG_DATA_DIR" not in os.environ and _BESIDE_THE_REPOSITORY.is_dir():
    os.environ["NAG_DATA_DIR"] = str(_BESIDE_THE_REPOSITORY)


# Tests marked `gpu` run on a CUDA device; NAG_TEST_DEVICE=cpu tries them without one.
_DEVICE = os.environ.get("NAG_TEST_DEVICE", "cuda")


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(items):
    _mark_what_is_covered_slow(
        [item for item in items if item.get_closest_marker("covering") and not item.get_closest_marker("slow")]
    )
    reasons = {}
    if "NAG_DATA_DIR" not in os.environ:
        reasons["data"] = "NAG_DATA_DIR is not set: no benchmark tables"
    if _DEVICE == "cuda" and not torch.cuda.is_available():
        reasons["gpu"] = "there is no CUDA device"
    for item in items:
        for mark, reason in reasons.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def _mark_what_is_covered_slow(items):
    """Leaves to the quick tests as few combinations of parameters as hold each value of each once, evenly mixed."""
    tests = defaultdict(list)
    for item in items:
        tests[item.nodeid.partition("[")[0]].append(item)
    for same in tests.values():
        values = {item: [(name, id(value)) for name, value in item.callspec.params.items()] for item in same}
        uses = Counter()
        while values:
            item = min(
                values,
                key=lambda item: (-sum(not uses[value] for value in values[item]), sum(uses[value] for value in values[item])),
            )
            found = values.pop(item)
            if all(uses[value] for value in found):
                item.add_marker(pytest.mark.slow)
            uses.update(found)


_IMPORTED_BY_WORKERS = [
    "nag.execution.executors",
    "nag.evaluation.trials.proxy_trial",
    "nag.evaluation.trials.training_trial",
    "nag.evaluation.trials.user_trials",
    "psycopg",
    "pytest",
    "sklearn.datasets",
    "sqlite3",
    "torch._dynamo",
]


@pytest.fixture(scope="session")
def device():
    """The device of the tests marked `gpu`."""
    return torch.device(_DEVICE)


@pytest.fixture(scope="session", autouse=True)
def _one_worker():
    """Evaluations start one worker unless a test asks for more: starting costs more than most of them measure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nag.execution.executors.local._cpus", lambda: 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def _prepared_workers():
    """Worker processes of all tests are forked from one that has imported what most of them would import by themselves."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        yield
        return
    forkserver.set_forkserver_preload(_IMPORTED_BY_WORKERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "set_forkserver_preload", lambda modules: None)
        yield


@pytest.fixture(scope="session")
def warm_workers(_prepared_workers):
    """Worker processes start in milliseconds from here on: for tests that say how long something may take."""
    process = multiprocessing.get_context("forkserver").Process(target=int)
    process.start()
    process.join()


@pytest.fixture(scope="session", autouse=True)
def _composed_once():
    """Hydra composes the same packaged configuration once a process; a tenth of a second each would be a minute in all."""
    compose, found = composition._composed, {}

    def composed(name, command, choices):
        if any(choice.startswith("hydra.") for choice in choices):  # groups of the test's own, in files that may change
            return compose(name, command, choices)
        key = name, tuple(choices)
        if key not in found:
            found[key] = compose(name, command, choices)
        return copy.deepcopy(found[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composition, "_composed", composed)
        yield


@pytest.fixture
def weights_only(monkeypatch):
    """Exports write true weights but empty programs, which take ten seconds each and have tests of their own."""

    def write(module, inputs, folder, name):
        weights, program, onnx = (folder / f"{name}{ending}" for ending in (".safetensors", ".pt2", ".onnx"))
        save_file(module.state_dict(), weights)
        program.touch()
        onnx.touch()
        return weights, program, onnx

    exporting = import_module("nag.networks.export")
    monkeypatch.setattr(exporting, "_write", write)
    monkeypatch.setattr(exporting, "_check", lambda module, batches, files: {"safetensors": 0.0})


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Makes a folder that all processes of a test run share: (name, make) -> the folder that `make(folder)` filled."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def get(name: str, make: Callable[[Path], None]) -> Path:
        folder, finished = root / name, root / f"{name}.finished"
        with FileLock(root / f"{name}.lock"):
            if not finished.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                finished.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def whole():
    """Gives a shipped search space by name, with all its architectures."""
    found: dict[str, tuple[SearchSpace, DagBatch]] = {}

    def get(name: str) -> tuple[SearchSpace, DagBatch]:
        if name not in found:
            space = load_space(name)
            found[name] = space, enumerate_space(space)
        return found[name]

    return get


@pytest.fixture(scope="session")
def small_generator(made_once) -> Path:
    """A folder with `g.safetensors`, a small generator of NAS-Bench-Graph's space whose samples are mostly valid."""

    def make(folder: Path) -> None:
        from nag.diffusion import DiscreteGenerator
        from nag.diffusion.generation import train_generator
        from nag.training import FitOptions

        small = partial(DiscreteGenerator, width=32, layers=2)
        options = FitOptions(max_steps=300, warmup_steps=10, batch_size=64, learning_rate=1e-2, ema_decay=0.9)
        space = load_space("nas_bench_graph")
        train_generator(space, generator=small, options=options, seed=0, device="cpu").save(folder / "g.safetensors")

    return made_once("small_generator", make)
