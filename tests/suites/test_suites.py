"""Suites are computed cell by cell: what is there is not computed again, whatever happened before."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from nag import __version__
from nag.cli import main
from nag.core.data_files import data_dir_set
from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.core.files import write_json
from nag.suites import CellContext, CellResult, Measurement, Selection, SuiteOptions, aggregate, benchmark, cell_key, run_suite
from nag.suites.parts.distances import parameter_counts, total_variation
from nag.suites.running.fingerprint import fingerprint
from nag.tracking import NullTracker
from nag.workflows.run_folder.run import RunFolder

TOY = """
import os, time
from functools import partial
from pathlib import Path
import torch
from nag.core.errors import MissingData
from nag.suites import Baseline, Column, Measurement, Suite, Table

def measure(method, pause, level, context):
    seed = context.seed
    with (context.folder / "calls.txt").open("a") as file:
        file.write(f"{method} {seed} {os.getpid()}\\n")
    time.sleep(pause)
    if method == "broken":
        raise MissingData("the toy table is not at hand", "Find it.")
    rng = torch.Generator().manual_seed(seed)
    value = level + float(torch.rand((), generator=rng))
    yield Measurement("space", "task", method, "budget=10", "height", value, labels=10)
    yield Measurement("space", "task", method, "budget=10", "height_reference", 0.5)
    yield Measurement("space", "task", method, "budget=10", "reached", None if seed else 7.0)

class ToySuite(Suite):
    name = "toy"
    title = "Toys"
    tables = (Table("heights", (Column("height", "height m", ".2f"), Column("reached", "reached")),
                    ("budget=*",), (Baseline("_reference", "floor"),)),)

    protocol = "Toys are measured once a seed."

    def __init__(self, methods=("a", "b"), pause=0.0, level=0.0):
        self.methods, self.pause, self.level = methods, pause, level

    def cells(self, options):
        found = []
        for method in self.methods:
            found += options.cells(3, partial(measure, method, self.pause, self.level), "space/x", method)
        return found
"""

SCRIPT = """
import sys
from pathlib import Path
from nag.tracking import NullTracker
from nag.workflows.run_folder.run import RunFolder
from nag.suites import Selection, SuiteOptions, benchmark
from toy_suite import ToySuite

if __name__ == "__main__":
    selection = Selection.of(ToySuite(pause=0.3), SuiteOptions())
    run = RunFolder(Path(sys.argv[1]), "benchmark", 0, "cpu", {"preset": "full"}, NullTracker())
    benchmark(run, selection, int(sys.argv[2]), "test bench", "nag benchmark", print)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy_suite.py").write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_suite", raising=False)
    return importlib.import_module("toy_suite").ToySuite


def compute(
    suite, folder: Path, *, jobs: int = 1, options=None, only=(), warnings: list[str] | None = None, preset="full", earlier=None
):
    options = options or SuiteOptions()
    run = RunFolder(folder, "benchmark", 0, "cpu", {"preset": preset}, NullTracker())
    warn = (warnings if warnings is not None else []).append
    selection = Selection.of(suite, options, only)
    benchmark(run, selection, jobs, "test bench", "nag benchmark suite=toy", warn, earlier)
    return json.loads((folder / "metrics.json").read_text())


def table(folder: Path) -> list[dict]:
    rows = json.loads((folder / "results.json").read_text())
    return [{key: value for key, value in row.items() if key != "cpu_seconds"} for row in rows]


def calls(folder: Path) -> list[str]:
    return [line.rpartition(" ")[0] for line in (folder / "calls.txt").read_text().splitlines()]


def test_rows_are_as_specified(toy, tmp_path):
    metrics = compute(toy(), tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [list(row) for row in rows] == [
        ["suite", "space", "task", "method", "setting", "metric", "mean", "std", "seeds", "labels", "cpu_seconds", "version"]
    ] * 6
    values = torch.tensor([float(torch.rand((), generator=torch.Generator().manual_seed(seed))) for seed in range(3)])
    first = rows[0]
    assert [first[key] for key in ("suite", "space", "task", "method", "setting", "metric", "seeds", "labels")] == [
        *("toy", "space", "task", "a", "budget=10", "height", 3, 10)
    ]
    assert first["mean"] == pytest.approx(float(values.mean()))
    assert first["std"] == pytest.approx(float(values.std()))
    reached = next(row for row in rows if row["metric"] == "reached")
    assert (reached["mean"], reached["std"], reached["seeds"]) == (7.0, None, 1)
    assert (metrics["rows_written"], metrics["rows_reused"], metrics["cells"]) == (6, 0, 6)


def test_rows_that_are_not_measured_again_stay_with_their_version(toy, tmp_path):
    compute(toy(), tmp_path / "old")
    old = [{**row, "mean": 99.0, "version": "0.0.9"} for row in json.loads((tmp_path / "old" / "results.json").read_text())]
    (tmp_path / "results.json").write_text(json.dumps(old))
    compute(toy(), tmp_path / "new", only=["a.seed"], earlier=tmp_path / "results.json")
    rows = json.loads((tmp_path / "new" / "results.json").read_text())
    assert len(rows) == len(old)
    assert {(row["method"], row["version"]) for row in rows} == {("a", __version__), ("b", "0.0.9")}
    page = (tmp_path / "new" / "results.md").read_text()
    assert "| 0.0.9 |" in page
    assert "- earlier rows: 3 of 6, each with the version that measured it" in page
    (tmp_path / "other.json").write_text(json.dumps([{**old[0], "suite": "other"}]))
    with pytest.raises(DamagedFile, match="suite other"):
        compute(toy(), tmp_path / "new", earlier=tmp_path / "other.json")


def test_the_page_states_how_it_was_made(toy, tmp_path):
    compute(toy(), tmp_path / "out")
    page = (tmp_path / "out" / "results.md").read_text()
    for words in ("`nag benchmark suite=toy`", "nag 0.", "test bench", "seeds: 0, 1, 2", "6 of 6", "once a seed"):
        assert words in page
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    assert lines[0] == ["method", "setting", "height m", "reached", "labels", "seeds", "CPU s", "nag"]
    assert lines[3][-1] == __version__
    assert lines[2][:4] == ["*floor*", "budget=10", "0.50 ± 0.00", "–"]
    assert [line[0] for line in lines[3:]] == ["a", "b"]
    assert " ± " in lines[3][2]
    assert lines[3][3:6] == ["7.000", "10", "3"]
    assert len({len(line) for line in lines}) == 1


def test_what_is_there_is_not_computed_again(toy, tmp_path):
    out = tmp_path / "out"
    compute(toy(), out)
    before = table(out)
    assert compute(toy(), out)["rows_reused"] == 6
    assert len(calls(out)) == 6
    (out / "cells" / "space_x.b.seed1.json").unlink()
    metrics = compute(toy(), out)
    assert calls(out)[6:] == ["b 1"]
    assert (metrics["cells_reused"], metrics["rows_written"], metrics["rows_reused"]) == (5, 6, 3)
    assert table(out) == before
    more = compute(toy(), out, options=SuiteOptions(seeds=4))
    assert calls(out)[7:] == ["a 3", "b 3"]
    assert more["rows_reused"] == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "space_x.a.seed0"}', "\x00\xff"])
def test_a_damaged_cell_is_computed_again(toy, tmp_path, content):
    out, warnings = tmp_path / "out", []
    compute(toy(), out)
    before = table(out)
    (out / "cells" / "space_x.a.seed0.json").write_bytes(content.encode("latin-1"))
    compute(toy(), out, warnings=warnings)
    assert len(warnings) == 1
    assert "space_x.a.seed0" in warnings[0]
    assert "\n" not in warnings[0]
    assert calls(out)[6:] == ["a 0"]
    assert table(out) == before


def test_a_cell_of_another_configuration_is_computed_again(toy, tmp_path):
    out, warnings = tmp_path / "out", []
    compute(toy(), out)
    low = table(out)
    compute(toy(level=5.0), out, warnings=warnings)
    assert len(warnings) == 6
    assert table(out)[0]["mean"] == pytest.approx(low[0]["mean"] + 5)


def test_another_preset_does_not_replace_what_is_there(toy, tmp_path):
    compute(toy(), tmp_path / "out")
    with pytest.raises(InvalidRequest, match="another suite or preset"):
        compute(toy(level=1.0), tmp_path / "out", preset="quick")
    assert len(calls(tmp_path / "out")) == 6


def test_parts_make_the_same_table_as_the_whole(toy, tmp_path):
    compute(toy(), tmp_path / "whole")
    part = compute(toy(), tmp_path / "parts", only=["b.seed0", "b.seed2"])
    assert (part["cells_finished"], part["cells"]) == (2, 6)
    assert {row["seeds"] for row in table(tmp_path / "parts")} == {1, 2}
    compute(toy(), tmp_path / "parts", only=["a."])
    compute(toy(), tmp_path / "parts", only=["seed1"])
    assert table(tmp_path / "parts") == table(tmp_path / "whole")
    with pytest.raises(InvalidRequest, match="seed0"):
        compute(toy(), tmp_path / "parts", only=["sed0"])


def test_processes_give_the_same_table(toy, tmp_path):
    compute(toy(), tmp_path / "one")
    compute(toy(), tmp_path / "two", jobs=2)
    assert table(tmp_path / "two") == table(tmp_path / "one")
    pids = {line.split()[-1] for line in (tmp_path / "two" / "calls.txt").read_text().splitlines()}
    assert str(os.getpid()) not in pids


def test_a_cell_that_fails_does_not_stop_the_others(toy, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InvalidRequest, match=r"3 of 6 cells failed.*toy table is not at hand"):
        compute(toy(methods=("broken", "a")), out)
    assert {row["method"] for row in table(out)} == {"a"}
    assert calls(out)[3:] == ["a 0", "a 1", "a 2"]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_run_keeps_what_was_finished(toy, tmp_path, jobs):
    compute(toy(pause=0.3), tmp_path / "whole")
    out, script = tmp_path / "out", tmp_path / "run_toy.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}
    process = subprocess.Popen([sys.executable, str(script), str(out), str(jobs)], env=environment)
    deadline = time.monotonic() + 90
    while len(list(out.glob("cells/[!.]*.json"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    workers = {int(line.split()[-1]) for line in (out / "calls.txt").read_text().splitlines()} - {process.pid}
    while any(alive(pid) for pid in workers):  # no process outlives the one that started it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("cells/[!.]*.json")}
    assert 2 <= len(kept) < 6
    json.loads((out / "results.json").read_text())
    reused = compute(toy(pause=0.3), out)["cells_reused"]
    assert reused == len(kept)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert table(out) == table(tmp_path / "whole")


def build_product(run: RunFolder, log: list[str]) -> None:
    run.start()
    log.append(run.path.name)
    write_json(run.path / "product.json", {"seed": run.seed})
    run.finish({})


def test_a_product_is_built_once_and_its_cost_is_charged_to_all(tmp_path):
    log: list[str] = []
    build = partial(build_product, log=log)
    first, second = CellContext(tmp_path, 1), CellContext(tmp_path, 1)
    made = first.product("toy", "train", {"width": 8}, build)
    write_json(made / "metrics.json", {"cpu_seconds": 12.5})
    assert second.product("toy", "train", {"width": 8}, build) == made
    assert len(log) == 1
    assert (first.earlier_cpu_seconds, second.earlier_cpu_seconds) == (0.0, 12.5)
    assert second.product("toy", "train", {"width": 9}, build) != made
    assert second.product("toy", "train", {"width": 8}, build, seed=2) != made
    (made / "metrics.json").write_text("{")
    assert CellContext(tmp_path, 1).product("toy", "train", {"width": 8}, build) == made
    assert len(log) == 4
    assert json.loads((made / "metrics.json").read_text())["seed"] == 1


def test_a_product_that_fails_is_not_there(tmp_path):
    def fail(run: RunFolder) -> None:
        run.start()
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        CellContext(tmp_path).product("toy", "train", {}, fail)
    assert list((tmp_path / "products").iterdir()) == []


def test_of_two_builders_the_first_wins(tmp_path):
    def build_late(run: RunFolder) -> None:
        build_product(run, [])
        CellContext(tmp_path / "other").product("toy", "train", {}, partial(build_product, log=[]))
        (tmp_path / "other" / "products").rename(tmp_path / "moved")
        for path in (tmp_path / "moved").iterdir():
            write_json(path / "product.json", {"winner": True})
            path.rename(run.path.parent / path.name)

    made = CellContext(tmp_path).product("toy", "train", {}, build_late)
    assert json.loads((made / "product.json").read_text()) == {"winner": True}
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_keys_name_files():
    assert cell_key("nas_bench_graph/cora", "a b", "seed0") == "nas_bench_graph_cora.a_b.seed0"


def test_values_that_are_not_finite_are_no_values():
    nan = Measurement("s", "", "m", "", "x", float("nan"))
    assert nan.value is None
    (row,) = aggregate("toy", [CellResult("k", 0, "", "", 1.0, (nan,)), CellResult("l", 1, "", "", 3.0, (nan,))])
    assert (row.mean, row.std, row.seeds, row.cpu_seconds) == (None, None, 0, 2.0)


def test_a_median_counts_what_was_never_reached():
    def rows(*values):
        results = [
            CellResult(str(i), i, "", "", 1.0, (Measurement("s", "", "m", "", "steps", value),))
            for i, value in enumerate(values)
        ]
        return {row.metric: (row.mean, row.seeds) for row in aggregate("toy", results, ("steps",))}

    assert rows(3.0, None, 1.0) == {"steps": (2.0, 2), "steps_median": (3.0, 3)}
    assert rows(3.0, None, None)["steps_median"] == (None, 3)


def test_fingerprints_tell_configurations_apart():
    assert fingerprint(partial(aggregate, "x")) == fingerprint(partial(aggregate, "x"))
    assert fingerprint(partial(aggregate, "x")) != fingerprint(partial(aggregate, "y"))
    assert fingerprint(SuiteOptions()) != fingerprint(SuiteOptions(seeds=1))
    with pytest.raises(TypeError, match="top level"):
        fingerprint(lambda: 0)


def test_total_variation():
    values = torch.tensor([1.0, 1.0, 2.0, 3.0])
    assert total_variation(values, values) == 0
    assert total_variation(torch.tensor([1.0]), values) == pytest.approx(0.5)
    assert total_variation(torch.tensor([3.0, 3.0]), torch.tensor([1.0, 3.0])) == pytest.approx(0.5)
    many = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    assert total_variation(many, many) == 0
    assert total_variation(many[:10_000], many) < 0.1
    assert total_variation(many * 0.5, many) == pytest.approx(0.5, abs=0.02)


# -- the command ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def nag(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["nag", *arguments])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["suite=generaton"], ["generaton", "Did you mean 'generation'?"]),
        (["preset=quik"], ["quik", "Did you mean 'quick'?"]),
        pytest.param(["only=[nasbench21]"], ["nasbench21", "Did you mean 'nasbench201'?"], marks=pytest.mark.data),
        (["jobs=0"], ["jobs is 0"]),
        (["seeds=none"], ["seeds is none"]),
        (["suite.presets.full.samples=0"], ["samples is 0"]),
        (["suite.processes.absorbing.heads=0"], ["absorbing"]),
        (["+suite.presets.full.more_seeds.absorbin.nasbench201=3"], ["absorbin", "Did you mean 'absorbing'?"]),
    ],
)
def test_mistakes_end_in_one_line(nag, tmp_path, options, words):
    code, text = nag("benchmark", *options)
    assert code == 2
    assert len(text.err.strip().splitlines()) == 1
    assert text.err.startswith("error: ")
    assert all(word in text.err for word in words)
    assert list(tmp_path.iterdir()) == []


def test_suites_are_listed(nag):
    code, text = nag("list", "suites")
    assert code == 0
    assert {"generation", "guidance", "limits", "speed", "scale"} <= set(text.out.split())


def test_a_suite_of_ones_own(nag, toy, tmp_path):
    (tmp_path / "conf" / "suite").mkdir(parents=True)
    (tmp_path / "conf" / "suite" / "toy.yaml").write_text("_target_: toy_suite.ToySuite\n")
    line = ["benchmark", "suite=toy", f"hydra.searchpath=[file://{tmp_path}/conf]", "out_dir=out", "tracker.mode=disabled"]
    code, text = nag(*line, "only=[seed0]", "seed=5", "seeds=2")
    assert code == 2
    assert "seed0" in text.err
    code, text = nag(*line, "only=seed5", "seed=5", "seeds=2")
    assert code == 0
    assert calls(tmp_path / "out") == ["a 5", "b 5"]
    assert text.out.strip().splitlines()[-1] == "next: nag list suites"
    assert "rows_written  6" in text.out
    assert {"nag_version", "versions", "rows_written", "rows_reused"} <= set(json.loads(Path("out/metrics.json").read_text()))
    code, text = nag(*line, "preset=quick", "only=seed0", "out_dir=quick")
    following = shlex.split(text.out.strip().splitlines()[-1])
    assert following[:2] == ["next:", "nag"]
    code, text = nag(*following[2:], "out_dir=full", "tracker.mode=disabled")
    assert (code, len(calls(tmp_path / "full"))) == (0, 6), text.err


def test_a_suite_computed_from_python_has_the_rows_and_the_tables_of_the_run(toy, tmp_path):
    suite, options = toy(level=2.0), SuiteOptions(seeds=2)
    results = run_suite(suite, options, progress=False)
    compute(suite, tmp_path / "run", options=options)
    assert [{key: value for key, value in vars(row).items() if key != "cpu_seconds"} for row in results.rows] == table(
        tmp_path / "run"
    )
    page = (tmp_path / "run" / "results.md").read_text()
    assert [line for line in results.to_markdown().splitlines() if line.startswith("| a")] == [
        line for line in page.splitlines() if line.startswith("| a")
    ]
    assert len(results.to_pandas()) == len(results.rows) == 6
    assert {row.method for row in run_suite(suite, only=["b"], progress=False).rows} == {"b"}


def test_the_generation_suite_measures_and_reuses(nag, tmp_path):
    small = "suite.presets.quick.{}"
    line = [
        *("benchmark", "suite=generation", "preset=quick", "only=absorbing", "out_dir=out", "tracker.mode=disabled"),
        *("suite.processes.absorbing.width=16", "suite.processes.absorbing.layers=1", "device=cpu"),
        *(small.format(option) for option in ("training.max_steps=30", "samples=1200", "step_samples=60", "steps=[1,4]")),
    ]
    code, text = nag(*line)
    assert code == 0, text.err
    rows = json.loads(Path("out/results.json").read_text())
    found = {(row["setting"], row["metric"]): row["mean"] for row in rows}
    for metric in (
        "validity_raw",
        "uniqueness",
        "functional_uniqueness",
        "novelty",
        "tv_ops",
        "tv_edges",
        "tv_depth",
        "tv_params",
    ):
        for setting in ("samples=1000", "samples=1200"):
            assert 0 <= found[setting, metric] <= 1
            assert 0 <= found[setting, f"{metric}_reference"] <= 1
    assert found["samples=1000", "uniqueness_reference"] == pytest.approx(0.969, abs=0.001)
    assert found["samples=1000", "novelty_reference"] == pytest.approx(0.5, abs=0.02)
    assert found["default sampler", "network_evaluations"] == 6
    assert found["default sampler", "samples_per_cpu_second"] > 0
    assert {setting for setting, _ in found} == {"samples=1000", "samples=1200", "default sampler", "steps=1", "steps=4"}
    (product,) = Path("out/products").iterdir()
    spent = json.loads((product / "metrics.json").read_text())["cpu_seconds"]
    assert rows[0]["cpu_seconds"] >= spent

    (tmp_path / "out" / "cells" / "nasbench201.absorbing.seed0.json").unlink()
    code, text = nag(*line)
    assert code == 0, text.err
    again = json.loads(Path("out/results.json").read_text())
    assert [path.name for path in Path("out/products").iterdir()] == [product.name]
    assert json.loads((product / "metrics.json").read_text())["cpu_seconds"] == spent
    assert again[0]["cpu_seconds"] >= spent
    timed = {"cpu_seconds", "sampling_cpu_seconds", "samples_per_cpu_second"}
    assert [(r["metric"], r["mean"]) for r in rows if r["metric"] not in timed] == [
        (r["metric"], r["mean"]) for r in again if r["metric"] not in timed
    ]


@pytest.mark.slow
def test_quick_generation_with_a_discrete_process_and_a_score_model(nag):
    only = "only=[absorbing,subvp]"
    code, text = nag("benchmark", "preset=quick", only, "out_dir=out", "tracker.mode=disabled", "device=cpu")
    assert code == 0, text.err
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["cells_finished"] == 2
    assert metrics["cells_cpu_seconds"] < 300
    valid = [row for row in json.loads(Path("out/results.json").read_text()) if row["metric"] == "validity_raw"]
    assert {row["method"] for row in valid} == {"absorbing", "subvp"}
    assert all(row["mean"] > 0.9 for row in valid)


def test_distances_of_parameters_are_not_measured_by_other_numbers_where_the_table_is_missing(nag, tmp_path):
    """(W9)"""
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(MissingData), data_dir_set(empty):
        parameter_counts(("nasbench201/cifar10", "params_m"))
    code, text = nag("benchmark", "suite=generation", f"data_dir={empty}", "out_dir=out", "tracker.mode=disabled")
    assert code == 2
    assert "nasbench" in text.err
    assert not Path("out").exists()
