"""Kills runs at random instants, resumes them, and compares what they leave with undisturbed runs.

    python scripts/kills.py --kills 100 --seed 0

Five kinds of run are killed (SIGKILL) again and again, each resumed by its own command line until it ends: searches of a table,
of a function and of trained networks, an evaluation by two workers, and the training of a generator. A kill hits the run,
one of its workers, or all of them at once. Afterwards history, evaluations, store, weights and metrics have to equal those
of the undisturbed run but for seconds, and no evaluation may have begun after the store held its result. At last two runs
write into one folder: one of them has to be refused, naming the other. The exit code tells whether all of that held.

Runs are forked from this process, which has imported the package once, so that a kill costs no import.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch

from nag.execution.store import EvaluationStore
from nag.spaces import enumerate_space, load_space

QUIET = "tracker.mode=disabled tracker.console=false"
LEASE = 4  # seconds that a killed worker's claim is waited for
LONGEST = 300  # seconds of a run
# A resumed evaluation calls reused what was measured before the kill; the identity knows the folder of the user's function.
LEFT_OUT = {"versions", "reused", "identity", "steps_per_second"}
PRELOADED = (
    "nag.cli.application nag.cli.commands nag.workflows.search nag.workflows.evaluate nag.workflows.evaluators"
    " nag.workflows.train_generator nag.workflows.run_folder.run"
    " nag.search nag.training nag.tasks nag.networks nag.tracking hydra.utils omegaconf sklearn.datasets"
)
SPACE = """
name: sketches
title: Two or three operations with free wiring
operations: {conv: parametric, pool: mergeable, gate: parametric}
nodes: [4, 5]
edges: free
constraints: {all_nodes_on_a_path: true}
codec: {name: edge_list}
"""
FUNCTION = """
import os, time
def score(arch, seed):
    descriptor = os.open(os.path.join(os.path.dirname(__file__), "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{time.time()!r} {arch}\\n".encode())
    os.close(descriptor)
    time.sleep(0.05)
    return {"value": sum(map(ord, arch)) % 101 + seed, "cost": len(arch)}
"""


@dataclass
class Tally:
    """What happened to one kind of run."""

    runs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def lines() -> dict[str, str]:
    """Name -> command line of each kind of run, without its folder."""
    workers = f"executor.workers=2 executor.lease_seconds={LEASE}"
    function = f"task=task.yaml evaluator=function evaluator.function=FOLDER/mine.py:score {workers}"
    network = "builder=nasbench201 builder.channels=2 builder.cells_per_stage=1 evaluator.epochs=1"
    small = "generator.width=16 generator.layers=1 metric_samples=16 training.batch_size=32 training.save_every_seconds=0"
    return {
        "search, table": "search task=table/task.yaml strategy=gp budget=14 resume=true",
        "search, function": f"search {function} strategy=random budget=16 batch=4 resume=true",
        "search, training": f"search task=digits/nasbench201 evaluator=train {network} strategy=random budget=6 batch=2"
        f" {workers} resume=true",
        "evaluate, 2 workers": f"evaluate architectures=archs.txt {function}",
        "train-generator": f"train-generator search_space=space.yaml training.max_steps=120 {small} resume=true",
    }


def prepare() -> None:
    """Files that the runs need, in the current folder."""
    Path("space.yaml").write_text(SPACE)
    Path("task.yaml").write_text("space: space.yaml\nside_metrics: [cost]\n")
    space = load_space("space.yaml")
    archs = [space.encode(arch) for arch in space.to_architectures(enumerate_space(space))]
    Path("archs.txt").write_text("\n".join(archs[::9][:40]) + "\n")
    rows = [f'"{arch}",{sum(map(ord, arch)) % 97}.5' for arch in archs]
    Path("table.csv").write_text("\n".join(["arch,accuracy", *rows]) + "\n")
    code = wait_for(start("import-table csv=table.csv search_space=space.yaml search_metric=accuracy out_dir=table", "table"))
    assert code == 0, Path("table.out").read_text()


def start(line: str, folder: str) -> int:
    """Forks a process that runs a command; its number."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        output = os.open(f"{folder}.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        Path(folder).mkdir(exist_ok=True)
        if not Path(folder, "mine.py").is_file():
            Path(folder, "mine.py").write_text(FUNCTION)  # which logs its calls beside it
        sys.argv = ["nag", *shlex.split(f"{line} out_dir={folder} {QUIET}".replace("FOLDER", folder))]
        from nag.cli import main

        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait_for(process: int, seconds: float = LONGEST) -> int | None:
    """The exit code of a process, negative where a signal ended it; None if it still runs after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def workers() -> list[int]:
    """Worker processes: children of the server that forks them."""
    server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == server and state != "Z":
                found.append(int(path.parent.name))
    return found


def kill(process: int, rng: random.Random) -> str:
    """Kills a run, one of its workers, or both; what it hit."""
    there = workers()
    what = rng.choice(["run", "worker", "all"]) if there else "run"
    victims = {"run": [process], "worker": there and [rng.choice(there)], "all": [process, *there]}[what]
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return what


def disturbed(line: str, folder: str, kills: int, duration: float, rng: random.Random) -> Counter[str]:
    """Runs a command and kills it at so many random instants, resuming it each time, until it ends.

    Raises:
        RuntimeError: It ended with an error.
    """
    found: Counter[str] = Counter()
    process = start(line, folder)
    while True:
        code = wait_for(process, rng.uniform(0, duration) if sum(found.values()) < kills else LONGEST)
        if code is None and sum(found.values()) < kills:
            what = kill(process, rng)
            found[what] += 1
            if what == "worker":
                continue  # the run goes on by itself
            code = wait_for(process)
        if code == 0:
            return found
        if code != -signal.SIGKILL:
            raise RuntimeError(f"ended with {code}: {Path(f'{folder}.out').read_text().strip()[-300:]}")
        process = start(line, folder)


def left(folder: str) -> dict[str, Any]:
    """What a finished run left, without seconds and other facts that a kill may change."""
    found: dict[str, Any] = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == "metrics.json":
            facts = json.loads(path.read_text())
            # Only what is measured now has cost anything: a resumed evaluation counts the epochs of the rest alone.
            kept = facts.items() - {("epochs", facts.get("epochs"))} if facts["command"] == "evaluate" else facts.items()
            found[name] = {key: value for key, value in kept if not _is_time(key)}
        elif path.suffix == ".jsonl" and path.name != "log.jsonl":
            rows = [json.loads(row) for row in path.read_text().splitlines()]
            found[name] = [{key: value for key, value in row.items() if not _is_time(key)} for row in rows]
        elif path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
            found[name] = {key: hashlib.sha256(value.numpy().tobytes()).hexdigest() for key, value in tensors.items()}
        elif path.suffix == ".sqlite":
            found[name] = {record.key: _what_it_says(record) for record in EvaluationStore(path).records()}
    return found


def _what_it_says(record: Any) -> tuple[Any, ...]:
    measured = record.measurement
    if measured is not None:
        curve = [{key: value for key, value in epoch.items() if not _is_time(key)} for epoch in measured.curve]
        measured = replace(measured, cpu_seconds=0.0, gpu_seconds=0.0, curve=curve)
    return record.architecture, record.native, record.status, record.error, repr(measured)


def _is_time(key: str) -> bool:
    return key.endswith("seconds") or key in LEFT_OUT


def begun_after_done(folder: str) -> int:
    """Evaluations of a function that began after the store held their results."""
    log, store = Path(folder, "log"), Path(folder, "evaluations.sqlite")
    if not log.is_file():
        return 0
    finished = {record.native: record.finished for record in EvaluationStore(store).records()}
    begun = [line.split(" ", 1) for line in log.read_text().splitlines()]
    return sum(float(when) > finished[arch] for when, arch in begun)


def two_writers(line: str, folder: str, expected: dict[str, Any]) -> str:
    """Starts two runs in one folder; what is wrong with how they end."""
    processes = [start(line, folder), start(line, folder)]
    codes = [wait_for(process) for process in processes]
    told = Path(f"{folder}.out").read_text()
    refusals = [text for text in told.splitlines() if text.startswith("error:")]
    if sorted(code or 0 for code in codes) != [0, 2] or len(refusals) != 1:
        return f"exit codes {codes}: {told[-300:]}"
    if not any(str(process) in refusals[0] for process in processes):
        return f"the other writer is not named: {refusals[0]}"
    return "" if left(folder) == expected else "what they left differs from an undisturbed run"


def main() -> None:
    """Kills, compares and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=100, help="number of kills, over all kinds of run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds of run whose name holds this")
    options = parser.parse_args()
    for name in PRELOADED.split():
        importlib.import_module(name)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["nag.execution.worker", "sklearn.datasets"])
    server = multiprocessing.forkserver._forkserver  # type: ignore[attr-defined]
    server.ensure_running()
    server.ensure_running = lambda: None  # the runs share it
    rng = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="nag-kills-"))
    os.chdir(folder)
    prepare()
    kinds = {name: line for name, line in lines().items() if options.only in name}
    tallies = {name: Tally() for name in kinds}
    expected: dict[str, dict[str, Any]] = {}
    duration: dict[str, float] = {}
    for name, line in kinds.items():
        for place in (f"whole{len(expected)}", f"again{len(expected)}"):  # the first one starts the server of the workers
            begin = time.monotonic()
            code = wait_for(start(line, place))
            assert code == 0, Path(f"{place}.out").read_text()
            assert begun_after_done(place) == 0
            duration[name] = time.monotonic() - begin
        expected[name] = left(f"whole{len(expected)}")
        print(f"{name}: undisturbed in {duration[name]:.1f} s", flush=True)
    number = 0
    while (total := sum(sum(tally.kills.values()) for tally in tallies.values())) < options.kills:
        name = min(kinds, key=lambda kind: sum(tallies[kind].kills.values()))
        tally, number = tallies[name], number + 1
        tally.runs += 1
        try:
            kills = disturbed(kinds[name], f"run{number}", min(rng.randint(2, 6), options.kills - total), duration[name], rng)
            found = left(f"run{number}")
            wrong = [part for part in expected[name] | found if found.get(part) != expected[name].get(part)]
            tally.faults += [f"run{number}: {part} differs" for part in wrong]
            again = begun_after_done(f"run{number}")
            tally.faults += [f"run{number}: {again} evaluations begun again"] if again else []
        except RuntimeError as error:
            kills = Counter({"run": 1})
            tally.faults.append(f"run{number}: {error}")
        tally.kills += kills
        print(f"{total + sum(kills.values()):4} kills; {name}: {dict(kills)} {tally.faults[-3:]}", flush=True)
    print("\n| run | runs | kills | of the run | of a worker | of all | faults |\n|---|---|---|---|---|---|---|")
    for name, tally in tallies.items():
        hit = [sum(tally.kills.values()), *(tally.kills[what] for what in ("run", "worker", "all"))]
        print(f"| {name} | {tally.runs} | {' | '.join(map(str, hit))} | {len(tally.faults)} |")
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    for name in [name for name in kinds if "search" in name or name == "train-generator"]:
        number += 1
        wrong_end = two_writers(kinds[name], f"run{number}", expected[name])
        print(f"two writers, {name}: {wrong_end or 'one is refused, with the owner of the folder'}", flush=True)
        faults += [wrong_end] if wrong_end else []
    print("\n".join(faults) or f"no fault; files in {folder}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
