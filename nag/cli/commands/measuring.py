"""Commands that measure and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import warn
from nag.cli.ending import conclude
from nag.cli.options import any_task_of, device_of, evaluator_of, run_folder_of
from nag.cli.targets import build
from nag.core.errors import InvalidRequest

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nag.cli.schemas import BenchmarkOptions, EvaluateOptions, ReportOptions

__all__ = ["benchmark", "evaluate", "report"]


def evaluate(cfg: DictConfig, options: EvaluateOptions) -> None:
    """Measure architectures: look them up, train them, or call what you wrote."""
    probe, wanted = options.probe, options.export
    task = any_task_of(cfg)

    from nag.core.documents import read_json
    from nag.workflows.evaluate import check_export, evaluate, export_best
    from nag.workflows.sources.architecture_file import read_architectures

    archs = read_architectures(Path(options.architectures), task.space)
    run = run_folder_of(cfg, "evaluate")
    evaluator = evaluator_of(cfg, task, run.path, probe)
    if wanted:
        check_export(evaluator)
    path = evaluate(run, archs, evaluator, task)
    exported = export_best(run, evaluator, task) if wanted else None
    files = {"evaluations": path} if exported is None else {"evaluations": path, "best network": exported}
    shown = (
        *("best_arch", "best_report_metric", "best", "best_percentile", "protocol", "count", "failed", "missing", "reused"),
        *("mean", "true_optimum"),
    )
    trained = read_json(run.path / "metrics.json")["best_network"] is not None
    conclude(files, ["nag", "export", str(run.path)] if trained else ["nag", "report", f"runs={run.path}"], run.path, shown)


def benchmark(cfg: DictConfig, options: BenchmarkOptions) -> None:
    """Compute a table of comparisons, or what is missing of it in out_dir."""
    jobs = options.jobs

    from nag.core.data_files import data_dir_set
    from nag.suites import Selection, SuiteOptions, benchmark, hardware

    suite = build(cfg.suite)
    kept = _words(suite.name, ("out_dir=", "data_dir=", "tracker", "earlier="))
    device = device_of(cfg).type
    suite_options = SuiteOptions(options.preset, options.seeds, options.seed, device)
    with data_dir_set(options.data_dir):
        selection = Selection.of(suite, suite_options, options.only)
        run = run_folder_of(cfg, "benchmark")
        machine = hardware(device, 1 if jobs > 1 else options.threads)
        earlier = None if options.earlier is None else Path(options.earlier)
        page = benchmark(run, selection, jobs, machine, " ".join(["nag benchmark", *kept]), warn, earlier)
    following = ["nag", "benchmark", *_words(suite.name, ("out_dir=", "preset=", "only=", "earlier=")), "preset=full"]
    shown = ("suite", "preset", "cells", "cells_finished", "cells_reused", "rows_written", "rows_reused")
    conclude({"results": page}, following if options.preset == "quick" else ["nag", "list", "suites"], run.path, shown)


def _words(suite: str, left_out: tuple[str, ...]) -> list[str]:
    """The options as they were typed, the suite among them, without those that begin with one of `left_out`."""
    words = [text for text in sys.argv[2:] if not text.startswith(left_out)]
    return words if any(text.startswith("suite=") for text in words) else [f"suite={suite}", *words]


def report(cfg: DictConfig, options: ReportOptions) -> None:
    """Write one self-contained HTML page about runs."""
    runs = [Path(run) for run in options.runs]
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name run folders: runs=[a,b].")
    if len(runs) == 1 and options.out_dir is None:
        page = _add_report(runs[0], options.title)
    else:
        from nag.report.stage import report

        page = report(run_folder_of(cfg, "report", tracked=False), runs, options.title)
    conclude({"report": page}, ["python", "-m", "webbrowser", "-t", str(page)])


def _add_report(run: Path, title: str) -> Path:
    """Writes the report of one run beside its results."""
    from nag.core.locks import FolderLock
    from nag.report import write_report

    lock = FolderLock(run, "report")
    if (run / "metrics.json").is_file():  # a run folder, into which one process writes
        lock.acquire()
    try:
        return write_report([run], run / "report.html", title)
    finally:
        lock.release()
