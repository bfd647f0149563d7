"""Evaluation on the command line: real training, the user's own evaluators, and what an export computes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

QUIET = "tracker.mode=disabled tracker.console=false"
GOOD = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
TWIN = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
OTHER = "|none~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"  # what ends in none~0 is dead
FEW = "builder=nasbench201 builder.channels=4 builder.cells_per_stage=1 executor.workers=2"
ALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("nag", "torch_geometric"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import torch
from sklearn.datasets import load_digits
network = torch.export.load(sys.argv[1]).module()
images, labels = load_digits(return_X_y=True)
logits = network(torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16)
print((logits.argmax(1).numpy() == labels).mean())
"""


def rows(folder: str) -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / "evaluations.jsonl").read_text().splitlines()]


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


@pytest.mark.slow
def test_networks_are_trained_once_and_the_best_works_without_nag(nag, follow):
    Path("archs.txt").write_text(f"{GOOD}\n{OTHER}\n")
    line = f"evaluate architectures=archs.txt task=digits/nasbench201 evaluator=train evaluator.epochs=3 {FEW} {QUIET}"
    outcome = nag(f"{line} out_dir=e")
    assert outcome.code == 0, outcome.err
    first = rows("e")
    assert all(len(row["curve"]) == 3 and row["epochs"] == 3 for row in first)
    assert max(row["report_value"] for row in first) > 60
    again = nag(f"{line} out_dir=f store=e/evaluations.sqlite export=false")
    assert again.code == 0, again.err
    assert [row["report_value"] for row in rows("f")] == [row["report_value"] for row in first]
    assert metrics("f")["reused"] == 2
    assert metrics("f")["epochs"] == 0
    done = subprocess.run([sys.executable, "-c", ALONE, "e/best.pt2"], capture_output=True, text=True, check=True)
    best = max(first, key=lambda row: row["search_value"])
    assert metrics("e")["best_report_metric"] == best["report_value"]
    assert float(done.stdout) * 100 == pytest.approx(best["report_value"], abs=6)  # all digits, not the test part alone
    follow(nag(f"export e out_dir=x {QUIET}"))
    assert metrics("x")["trained"]
    done = subprocess.run([sys.executable, "-c", ALONE, "x/network.pt2"], capture_output=True, text=True, check=True)
    assert float(done.stdout) * 100 == pytest.approx(best["report_value"], abs=6)
    assert nag(f"export f out_dir=y {QUIET}").code == 2  # what it reports was trained in another run
    assert nag("report runs=[e]").code == 0
    assert "networks learn?" in Path("e/report.html").read_text()


def test_functional_twins_share_a_measurement_of_a_users_function(nag):
    Path("mine.py").write_text("def score(arch):\n    return {'score': len(arch), 'bars': arch.count('|')}\n")
    Path("task.yaml").write_text("space: nasbench201\nsearch_metric: score\nside_metrics: [bars]\n")
    dead = "|none~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|none~2|"
    twin = "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    Path("archs.txt").write_text(f"{dead}\n{twin}\n{GOOD}\n")
    outcome = nag(
        f"evaluate architectures=archs.txt task=task.yaml evaluator=function evaluator.function=mine.py:score out_dir=e {QUIET}"
    )
    assert outcome.code == 0, outcome.err
    found = rows("e")
    assert found[0]["search_value"] == found[1]["search_value"] == len(dead)
    assert (metrics("e")["queries"], metrics("e")["reused"], found[0]["side"]) == (2, 1, {"bars": float(dead.count("|"))})


def test_a_proxy_scores_without_training(nag):
    Path("archs.txt").write_text(f"{GOOD}\n{TWIN}\n")
    line = f"evaluate architectures=archs.txt task=digits/nasbench201 evaluator=proxy {FEW} {QUIET}"
    assert nag(f"{line} evaluator.proxy=params out_dir=p").code == 0
    assert nag(f"{line} evaluator.proxy=synflow out_dir=s").code == 0
    big, small = rows("p")
    assert big["search_value"] > small["search_value"] > 1000
    assert all(row["report_value"] is None for row in rows("s"))


def test_one_architecture_that_fails_leaves_the_others(nag):
    Path("mine.py").write_text("def score(arch):\n    if 'pool' in arch:\n        raise ValueError('no pools')\n    return 1\n")
    Path("task.yaml").write_text("space: nasbench201\n")
    Path("archs.txt").write_text(f"{GOOD}\n{GOOD.replace('nor_conv_3x3~2', 'avg_pool_3x3~2')}\n")
    line = "evaluate architectures=archs.txt task=task.yaml evaluator=function evaluator.function=mine.py:score"
    assert nag(f"{line} out_dir=e {QUIET}").code == 0
    assert metrics("e")["failed"] == 1
    assert "no pools" in rows("e")[1]["error"]


def test_mistakes_are_told_in_one_line(nag):
    Path("archs.txt").write_text(f"{GOOD}\n")
    Path("task.yaml").write_text("space: nasbench201\n")
    Path("wrong.yaml").write_text("space: nasbench201\nmetric: x\n")
    Path("mine.py").write_text("def score(arch):\n    return 1\n")
    Path("exits.py").write_text("import sys\nsys.exit(3)\n")
    Path("empty").mkdir()
    Path("function").mkdir()
    Path("function/metrics.json").write_text('{"best_network": null}')
    line = "evaluate architectures=archs.txt"
    for text, words in [
        (f"{line} task=digits/nasbench201", "evaluator=train"),
        (f"{line} task=digts/nasbench201 evaluator=train", "Did you mean"),
        (f"{line} task=nas_bench_graph/cora evaluator=train", "architecture 1"),
        (f"{line} task=digits/nasbench201 evaluator=trian", "Did you mean"),
        (f"{line} task=digits/nasbench201 evaluator=train evaluator.epochs=0", "epochs"),
        (f"{line} task=task.yaml", "evaluator=function"),
        (f"{line} task=task.yaml evaluator=proxy", "evaluator.data_set"),
        (f"{line} task=digits/nasbench201 evaluator=proxy evaluator.proxy=naswt", "Did you mean"),
        (f"{line} task=wrong.yaml evaluator=function evaluator.function=mine.py:score", "unknown key"),
        (f"{line} task=task.yaml evaluator=function evaluator.function=mine.py:sore", "Did you mean"),
        (f"{line} task=task.yaml evaluator=function", "evaluator.function is missing"),
        (f"{line} task=task.yaml evaluator=function evaluator.function=mine.py:score executor=rya", "Did you mean"),
        (f"{line} task=task.yaml evaluator=function evaluator.function=mine.py:score executor.workers=0", "workers"),
        (f"export '{GOOD}'", "weights=initial"),
        (f"export '{GOOD}' task=digits/nasbench201", "weights=initial"),
        (f"export '{GOOD}' weights=initial", "search space"),
        (f"export '{GOOD}' weights=none.safetensors", "none.safetensors"),
        ("export empty", "finished run"),
        ("export function", "evaluator=train"),
        (f"{line} task=digits/nasbench201 evaluator=train builder=nasbench101", "builder=small"),
        (f"{line} task=digits/nasbench201 evaluator=train evaluator.device=cuda:99", "no device"),
        (f"{line} task=task.yaml evaluator=shell evaluator.command='no_such_program {{arch}}'", "no program"),
        (f"{line} task=task.yaml evaluator=shell evaluator.command='sh -c \"x {{arch}}\"'", "NAG_ARCH"),
        (f"{line} task=task.yaml evaluator=function evaluator.function=exits.py:score", "SystemExit: 3"),
    ]:
        outcome = nag(f"{text} {QUIET} out_dir=x")
        assert outcome.code == 2, (text, outcome)
        assert len(outcome.err.strip().splitlines()) == 1, outcome.err
        assert words in outcome.err, (text, outcome.err)


def test_an_export_takes_the_winner_of_a_search_and_never_untrained_weights_unasked(nag, weights_only):
    """(W17)"""
    line = f"search task=digits/nasbench201 evaluator=train evaluator.epochs=1 strategy=random budget=2 out_dir=d {FEW} {QUIET}"
    assert nag(f"{line} builder.channels=2").code == 0
    found = metrics("d")
    best = max(
        (json.loads(row) for row in Path("d/history.jsonl").read_text().splitlines()), key=lambda row: row["search_value"]
    )
    assert found["best_network"].endswith(f"{best['canonical_hash']}-0.safetensors")
    outcome = nag(f"export d out_dir=x {QUIET}")
    assert outcome.code == 0, outcome.err
    assert (metrics("x")["trained"], metrics("x")["validation_accuracy"]) == (True, best["search_value"])
    assert metrics("x")["architecture"] == best["arch"]
    text = json.loads(Path("d/metrics.json").read_text())
    for wrong in ("../evil.safetensors", "/etc/passwd", 7):
        Path("d/metrics.json").write_text(json.dumps({**text, "best_network": wrong}))
        outcome = nag(f"export d out_dir=z {QUIET}")
        assert (outcome.code, "best_network" in outcome.err) == (2, True), outcome.err
    outcome = nag(
        f"export '{GOOD}' task=digits/nasbench201 weights=initial out_dir=u {QUIET} builder.channels=2 builder=nasbench201"
    )
    assert outcome.code == 0, outcome.err
    assert metrics("u")["trained"] is False


def test_evaluations_that_all_failed_are_an_error_with_the_first_reason_and_are_kept(nag):
    """(W18)"""
    Path("mine.py").write_text("def score(arch):\n    raise ValueError('out of paper')\n")
    Path("task.yaml").write_text("space: nasbench201\n")
    Path("archs.txt").write_text(f"{GOOD}\n")
    line = "evaluate architectures=archs.txt task=task.yaml evaluator=function evaluator.function=mine.py:score"
    outcome = nag(f"{line} out_dir=e executor.max_attempts=1 {QUIET}")
    assert outcome.code == 2
    assert "out of paper" in outcome.err
    assert "out of paper" in rows("e")[0]["error"]
