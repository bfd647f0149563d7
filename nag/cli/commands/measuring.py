"""Commands that measure and report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, say_metrics, warn
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

    from nag.workflows.evaluate import check_export, evaluate, export_best, read_architectures

    archs = read_architectures(Path(options.architectures), task.space)
    run = run_folder_of(cfg, "evaluate")
    evaluator = evaluator_of(cfg, task, run.path, probe)
    if wanted:
        check_export(evaluator)
    path = evaluate(run, archs, evaluator, task)
    say_metrics(
        run.path,
        (
            "protocol",
            "count",
            "failed",
            "missing",
            "reused",
            "mean",
            "best",
            "best_report_metric",
            "best_percentile",
            "true_optimum",
        ),
    )
    say(f"evaluations: {path}")
    exported = export_best(run, evaluator, task) if wanted else None
    if exported is not None:
        say(f"best network: {exported}")


def benchmark(cfg: DictConfig, options: BenchmarkOptions) -> None:
    """Compute a table of comparisons, or what is missing of it in out_dir."""
    jobs = options.jobs

    from nag.core.data_files import data_dir_set
    from nag.suites import Selection, SuiteOptions, benchmark, hardware

    kept = [text for text in sys.argv[2:] if not text.startswith(("out_dir=", "data_dir=", "tracker", "earlier="))]
    suite = build(cfg.suite)
    if not any(text.startswith("suite=") for text in kept):
        kept.insert(0, f"suite={suite.name}")
    device = device_of(cfg).type
    suite_options = SuiteOptions(options.preset, options.seeds, options.seed, device)
    with data_dir_set(options.data_dir):
        selection = Selection.of(suite, suite_options, options.only)
        run = run_folder_of(cfg, "benchmark")
        machine = hardware(device, 1 if jobs > 1 else options.threads)
        earlier = None if options.earlier is None else Path(options.earlier)
        page = benchmark(run, selection, jobs, machine, " ".join(["nag benchmark", *kept]), warn, earlier)
    say_metrics(run.path, ("suite", "preset", "cells", "cells_finished", "cells_reused", "rows_written", "rows_reused"))
    say(f"results: {page}")


def report(cfg: DictConfig, options: ReportOptions) -> None:
    """Write one self-contained HTML page about runs."""
    from nag.core.locks import FolderLock
    from nag.report import write_report

    runs = [Path(run) for run in options.runs]
    if not runs:
        raise InvalidRequest("there is no run to report on", "Name run folders: runs=[a,b].")
    folder = runs[0] if len(runs) == 1 else Path(".")
    target = folder if options.out_dir is None else Path(options.out_dir)
    lock = FolderLock(target, "report")
    if (target / "metrics.json").is_file():  # a run folder, into which one process writes
        lock.acquire()
    try:
        say(f"report: {write_report(runs, target / 'report.html', options.title)}")
    finally:
        lock.release()
