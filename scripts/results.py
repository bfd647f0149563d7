"""Measures what the README shows: runs the commands, seed by seed, and prints the tables.

Run with the environment that `nag` is installed in: python scripts/results.py OUT_FOLDER [generators predictors guided]
A run folder that is complete is not computed again. NAS-Bench-201 and -101 need NAG_DATA_DIR.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

LARGE = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")
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


def beside(m: dict, name: str) -> str:
    return f"{m[name]:.4f} ({m[name + '_reference']:.4f})"


def generators(out: Path) -> None:
    rows = []
    for space, fraction in (("nasbench201", 0.5), ("nas_bench_graph", 1.0), ("nasbench101", 0.5)):
        trained = run(out / f"g_{space}", "train-generator", f"search_space={space}", f"train_fraction={fraction}")
        path = out / f"g_{space}" / "generator.safetensors"
        m = run(out / f"s_{space}", "sample", f"generator={path}", "num_samples=10000")
        names = ("validity_raw", "uniqueness_first_1000", "novelty_first_1000", "tv_ops", "tv_edges")
        cost = [f"{trained['train_cpu_seconds']:.0f}", f"{m['num_raw'] / m['sampling_cpu_seconds']:.0f}"]
        rows.append([space, f"{fraction:g}", *(beside(m, name) for name in names), *cost])
    header = ["space", "trained on", "validity_raw", "uniqueness of 1,000", "novelty of 1,000", "tv_ops", "tv_edges"]
    table([*header, "training CPU-s", "samples a CPU-s"], rows)


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


def guided(out: Path) -> None:
    space = "nas_bench_graph"
    run(out / f"g_{space}", "train-generator", f"search_space={space}")
    generator = out / f"g_{space}" / "generator.safetensors"
    rows = []
    for name in LARGE:
        task, found, free = f"{space}/{name}", [], []
        for seed in range(3):
            trained = out / f"p_{space}_{name}_{seed}"
            run(trained, "train-predictor", f"task={task}", "num_train=200", f"seed={seed}")
            common = (f"generator={generator}", f"task={task}", "num_samples=100", f"seed={seed}")
            found.append(run(out / f"guided_{name}_{seed}", "sample", f"predictor={trained}/predictor.safetensors", *common))
            free.append(run(out / f"free_{name}_{seed}", "sample", *common))
        means = [m["true_percentile_mean"] for m in found]
        rows.append(
            [
                name,
                f"{statistics.mean(m['true_percentile_mean'] for m in free):.1f}",
                f"{statistics.mean(means):.1f} ± {statistics.stdev(means):.1f}",
                f"{statistics.mean(m['true_percentile_best'] for m in found):.2f}",
                f"{statistics.mean(m['num_functionally_distinct'] for m in found):.0f}",
                f"{statistics.mean(m['sampling_cpu_seconds'] for m in found):.0f}",
            ]
        )
    table(
        ["task", "unguided: mean percentile", "guided: mean percentile", "best", "distinct functions", "sampling CPU-s"], rows
    )


if __name__ == "__main__":
    folder, parts = Path(sys.argv[1]), sys.argv[2:] or ["generators", "predictors", "guided"]
    for part in parts:
        {"generators": generators, "predictors": predictors, "guided": guided}[part](folder)
