"""Measures what the README shows of predictors: runs the commands, seed by seed, and prints the table.

Run with the environment that `nag` is installed in: python scripts/results.py OUT_FOLDER
A run folder that is complete is not computed again. NAS-Bench-201 needs NAG_DATA_DIR.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

QUIET = ("tracker.mode=disabled", "tracker.console=false")


def run(folder: Path, command: str, *overrides: str) -> dict:
    if not (folder / "metrics.json").is_file():
        line = ["nag", command, *overrides, f"out_dir={folder}", *QUIET]
        print("$", " ".join(line[:-2]), flush=True)
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "metrics.json").read_text())


def table(header: list[str], rows: list[list[str]]) -> None:
    print("\n| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def predictors(out: Path) -> None:
    rows = []
    for task, labels in (("nasbench201/cifar10", 156), ("nas_bench_graph/arxiv", 200)):
        found = [
            run(
                out / f"p_{task.replace('/', '_')}_{seed}",
                "train-predictor",
                f"task={task}",
                f"num_train={labels}",
                f"seed={seed}",
            )
            for seed in range(5)
        ]
        cells = []
        for name in ("kendall_tau", "kendall_tau_all_other", "spearman"):
            values = [m[name] for m in found]
            cells.append(f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}")
        seconds = statistics.mean(m["train_cpu_seconds"] for m in found)
        rows.append([task, str(labels), *cells, f"{seconds:.0f}"])
    table(["task", "labels", "tau, no twins", "tau, all other", "Spearman, no twins", "training CPU-s"], rows)


if __name__ == "__main__":
    predictors(Path(sys.argv[1]))
