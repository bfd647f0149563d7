"""A cluster: what was measured once is kept in a store that any number of processes may share."""

# %% Two searches, one store; `executor.workers` is the number of processes
import subprocess
from pathlib import Path

Path("mine.py").write_text("def score(architecture):\n    return len(set(architecture.ops))\n")
Path("mine.yaml").write_text("space: nasbench201\nsearch_metric: score\n")
search = "nag search task=mine.yaml evaluator=function evaluator.function=mine.py:score store=shared.sqlite executor.workers=2"
for strategy in ("random", "evolution"):
    subprocess.run([*search.split(), f"strategy={strategy}", "budget=4", f"out_dir={strategy}"], check=True)
