"""Search on the command line: what it finds, what it costs, and that a killed one goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nag.evaluation.tasks import load_task
from nag.search import RegularisedEvolution
from nag.search import search as python_search
from nag.spaces import enumerate_space, load_space
from nag.tasks import Metric, Objective

QUIET = "tracker.mode=disabled tracker.console=false"
GRAPH = "search task=nas_bench_graph/arxiv"


def rows(folder: str) -> list[dict]:
    return [json.loads(line) for line in (Path(folder) / "history.jsonl").read_text().splitlines()]


def metrics(folder: str) -> dict:
    return json.loads((Path(folder) / "metrics.json").read_text())


def queries(folder: str) -> list[tuple]:
    return [(row["arch"], row["search_value"]) for row in rows(folder)]


def test_the_best_is_chosen_by_the_search_metric_and_every_query_is_a_label(nag):
    outcome = nag(f"{GRAPH} strategy=random budget=30 out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    found, told = metrics("s"), rows("s")
    assert [row["query"] for row in told] == list(range(1, 31))
    assert len({row["canonical_hash"] for row in told}) == 30
    best = max(told, key=lambda row: row["search_value"])
    assert (found["best_search_metric"], found["best_report_metric"]) == (best["search_value"], best["report_value"])
    assert (found["queries"], found["labels_used"]) == (30, 30)
    assert found["regret"] == pytest.approx(found["true_optimum"] - best["report_value"])


def test_a_search_is_a_function_of_its_seed(nag):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert nag(f"{GRAPH} strategy=evolution budget=25 seed={seed} out_dir={folder} {QUIET}").code == 0
    assert queries("a") == queries("b") != queries("c")


@pytest.mark.parametrize("strategy", ["evolution", "local_search", "gp"])
def test_a_stored_half_goes_on_as_if_it_had_not_been_cut(nag, products, strategy):
    line = f"search task={products}/task/task.yaml strategy={strategy} budget=12 batch=4 {QUIET}"
    assert nag(f"{line} out_dir=whole").code == 0
    assert nag(f"{line} out_dir=cut").code == 0
    path = Path("cut/history.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:8]))
    Path("cut/metrics.json").unlink()
    assert nag(f"{line} out_dir=cut resume=true").code == 0
    assert queries("cut") == queries("whole")


@pytest.mark.slow
def test_a_search_that_is_killed_and_resumed_ends_as_an_undisturbed_one(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import time\n\ndef score(architecture, seed):\n    time.sleep(0.3)\n"
        "    return sum(op.startswith('nor') for op in architecture.ops) + 0.01 * len(set(architecture.ops))\n"
    )
    (tmp_path / "task.yaml").write_text("space: nasbench201\nsearch_metric: score\n")
    line = (
        "search task=task.yaml evaluator=function evaluator.function=mine.py:score strategy=evolution strategy.population=6 "
        f"budget=24 batch=2 executor.workers=2 {QUIET}"
    )

    def start(folder: str, *more: str) -> subprocess.Popen:
        words = [sys.executable, "-m", "nag.cli", *line.split(), f"out_dir={folder}", *more]
        return subprocess.Popen(words, cwd=tmp_path, start_new_session=True)

    assert start("whole").wait() == 0
    killed = start("cut")
    history = tmp_path / "cut" / "history.jsonl"
    while not history.is_file() or len(history.read_text().splitlines()) < 8:
        assert killed.poll() is None
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(history.read_text().splitlines()) < 24
    assert start("cut", "resume=true").wait() == 0
    assert queries(str(tmp_path / "cut")) == queries(str(tmp_path / "whole"))


def test_a_front_is_searched_under_a_limit(nag):
    limit = 0.01
    outcome = nag(f"{GRAPH} strategy=evolution budget=40 minimise=[params_m] 'limits={{latency: {limit}}}' out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    assert all({"params_m", "latency"} <= set(row["side"]) for row in rows("s"))
    assert nag("report runs=[s]").code == 0
    assert "dominated by no other" in Path("s/report.html").read_text()


def chosen(told: list[dict], keeps) -> dict:
    return max((row for row in told if keeps(row["side"])), key=lambda row: row["search_value"])


@pytest.mark.parametrize(
    ("limits", "keeps"),
    [
        ("{params_m: 0.8}", lambda side: side["params_m"] <= 0.8),
        ("{params_m: {max: 0.9, min: 0.7}}", lambda side: 0.7 <= side["params_m"] <= 0.9),
    ],
    ids=["greatest", "both"],
)
def test_the_best_keeps_the_limits_wherever_it_is_named(nag, limits, keeps):
    """(W1)"""
    line = f"search task=nas_bench_graph/cora strategy=random budget=20 tracker.mode=disabled 'limits={limits}' out_dir=s"
    outcome = nag(line)
    assert outcome.code == 0, outcome.err
    found, told = metrics("s"), rows("s")
    best, of_all = chosen(told, keeps), max(told, key=lambda row: row["search_value"])
    assert best["search_value"] < of_all["search_value"]
    assert (found["best_arch"], found["best_search_metric"]) == (best["arch"], best["search_value"])
    assert found["best_report_metric"] == best["report_value"]
    assert found["queries_feasible"] == sum(keeps(row["side"]) for row in told) < 20
    assert found["nearest_arch"] is None
    assert best["arch"] in outcome.out
    assert of_all["arch"] not in outcome.out
    logged = [json.loads(text) for text in Path("s/log.jsonl").read_text().splitlines()]
    values = [entry["metrics"]["search/best"] for entry in logged if "search/best" in entry.get("metrics", {})]
    assert values[-1] == best["search_value"] == max(values)
    assert nag("report runs=[s]").code == 0
    page = Path("s/report.html").read_text()
    assert best["arch"] in page
    cards = page[page.index("#1 by valid_perf") :]
    assert best["arch"] in cards[: cards.index("#2 by valid_perf")]


def test_limits_lower_the_optimum_that_a_search_is_compared_with(nag):
    line = f"search task=nas_bench_graph/cora strategy=random budget=9 {QUIET}"
    assert nag(f"{line} out_dir=free").code == 0
    assert nag(f"{line} out_dir=limited 'limits={{params_m: 0.75}}'").code == 0
    assert metrics("limited")["true_optimum"] < metrics("free")["true_optimum"]


def test_a_search_without_a_feasible_query_names_no_best_but_the_nearest(nag):
    """(W1, W18)"""
    outcome = nag(f"{GRAPH} strategy=random budget=3 'limits={{params_m: 0.0393}}' out_dir=s {QUIET}")
    assert outcome.code == 2
    found = metrics("s")
    nearest = min(rows("s"), key=lambda row: row["side"]["params_m"])
    assert (found["best_arch"], found["best_search_metric"], found["best_report_metric"], found["regret"]) == (None,) * 4
    assert (found["queries_feasible"], found["nearest_arch"]) == (0, nearest["arch"])
    assert "no query kept the limits (params_m at most 0.0393)" in outcome.err
    assert nearest["arch"] in outcome.err
    assert "greater budget" in outcome.err
    assert nag("report runs=[s]").code == 0
    assert "#1 by" not in Path("s/report.html").read_text()


def test_a_limit_that_nothing_in_the_table_keeps_is_refused_before_the_search(nag):
    """(W18)"""
    outcome = nag(f"{GRAPH} strategy=random budget=3 'limits={{params_m: 0.0001}}' out_dir=s {QUIET}")
    assert outcome.code == 2
    assert "no architecture of nas_bench_graph/arxiv keeps the limits (params_m at most 0.0001)" in outcome.err
    assert "params_m is 0.0392" in outcome.err
    assert not Path("s/history.jsonl").exists()


def test_a_limit_on_the_search_metric_itself_bounds_it_from_below(nag):
    assert nag(f"{GRAPH} strategy=random budget=6 'limits={{valid_perf: 0.0}}' out_dir=s {QUIET}").code == 0
    assert metrics("s")["limits"] == {"valid_perf": {"min": 0.0}}
    assert metrics("s")["queries_feasible"] == 6


def test_one_further_objective_needs_no_brackets(nag):
    assert nag(f"{GRAPH} strategy=random budget=4 minimise=latency out_dir=s {QUIET}").code == 0
    assert metrics("s")["minimised"] == ["latency"]


def test_a_search_whose_evaluations_all_failed_is_none(nag):
    """(W18)"""
    Path("mine.py").write_text("def score(architecture, seed):\n    raise ValueError('no such device')\n")
    Path("task.yaml").write_text("space: nasbench201\nsearch_metric: score\n")
    line = "search task=task.yaml evaluator=function evaluator.function=mine.py:score strategy=random"
    outcome = nag(f"{line} budget=3 batch=1 executor.workers=1 out_dir=s {QUIET}")
    assert outcome.code == 2
    assert "none of 3 queries was measured" in outcome.err
    assert "no such device" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
    assert len(rows("s")) == 3
    found = metrics("s")
    assert (found["failed"], found["labels_used"], found["best_arch"]) == (3, 0, None)


def test_a_space_that_ends_before_the_budget_is_told(nag):
    Path("tiny.yaml").write_text("name: tiny\noperations: {a: parametric, b: parametric}\nnodes: 3\nedges: [[0, 1], [1, 2]]\n")
    Path("task.yaml").write_text("space: tiny.yaml\nsearch_metric: score\n")
    Path("mine.py").write_text("def score(architecture, seed):\n    return 1.0\n")
    line = "search task=task.yaml evaluator=function evaluator.function=mine.py:score strategy=random"
    outcome = nag(f"{line} budget=100 batch=2 executor.workers=1 out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    assert "exhausted after 2 of 100 queries" in outcome.err


def test_another_search_is_not_continued(nag):
    assert nag(f"{GRAPH} strategy=random budget=5 out_dir=s {QUIET}").code == 0
    before = Path("s/history.jsonl").read_text()
    outcome = nag(f"{GRAPH} strategy=evolution budget=5 out_dir=s resume=true {QUIET}")
    assert outcome.code == 2
    assert "another search" in outcome.err
    assert Path("s/history.jsonl").read_text() == before


def test_mistakes_are_told_in_one_line(nag):
    for text, words in [
        ("budget=0", "budget is 0"),
        ("", "budget is missing"),
        ("budget=5 batch=0", "batch is 0"),
        ("budget=5 strategy=rnadom", "Did you mean"),
        ("budget=5 strategy=evolution strategy.tournamnt=3", "Did you mean 'tournament'?"),
        ("budget=5 strategy=bananas strategy.refitt=3 strategy.poool=true", "Did you mean 'refit'?"),
        ("budget=5 strategy=evolution strategy.pool=true", "The chosen strategy has no 'pool'. Known: population, tournament."),
        ("budget=5 strategy.wl_rounds=x", "wl_rounds is x. It must be a whole number of at least 0."),
        ("budget=5 strategy.refit=1.5", "refit is 1.5. It must be a whole number of at least 1."),
        ("budget=5 strategy.start.labels=2.5", "labels is 2.5. It must be a whole number of at least 1."),
        ("budget=5 strategy.pool=maybe", "pool is maybe. It must be true or false."),
        ("budget=5 minimise=[latncy]", "Did you mean"),
        ("budget=5 'limits={latency: x}'", "must be a number"),
        ("budget=5 limits=3", "limits={"),
        ("budget=5 minimise=[perf]", "no secondary metric"),
        ("budget=5 minimise=latncy", "no secondary metric 'latncy'"),
        ("budget=5 minimise=3", "no secondary metric '3'"),
        ("budget=5 minimise=[latency,latency]", "each metric once"),
        ("budget=5 minimise=latency maximise=latency", "each metric once"),
        ("budget=5 'limits={latency: nan}'", "finite numbers"),
        ("budget=5 'limits={latency: {least: 3}}'", "no 'least'"),
        ("budget=5 'limits={latency: {max: 1, min: 2}}'", "above max"),
        ("budget=5 'limits={perf: 3}'", "no secondary metric"),
        ("budget=5 probe=true", "probe=false"),
        ("budget=5 strategy=random proxies=[params_m]", "does not use proxies"),
        ("budget=5 proxies=[perf]", "measures"),
        ("budget=5 generator=none.safetensors", "none.safetensors"),
        ("budget=5 meta_predictor=none.safetensors", "none.safetensors"),
    ]:
        outcome = nag(f"{GRAPH} {text} out_dir=x {QUIET}")
        assert outcome.code == 2, (text, outcome)
        assert len(outcome.err.strip().splitlines()) == 1, outcome.err
        assert words in outcome.err, (text, outcome.err)
        assert not Path("x").exists()


def test_a_search_without_resume_leaves_the_one_in_its_folder_as_it_is(nag):
    line = f"{GRAPH} strategy=random budget=5 out_dir=s {QUIET}"
    assert nag(line).code == 0
    before = {path.name: path.read_bytes() for path in Path("s").iterdir() if path.is_file()}
    outcome = nag(f"{line} seed=1")
    assert outcome.code == 2
    assert outcome.err == (
        "error: 's' holds a search of 5 queries. "
        "Continue it with resume=true, discard it with overwrite=true, or choose another out_dir.\n"
    )
    assert {path.name: path.read_bytes() for path in Path("s").iterdir() if path.is_file()} == before
    assert nag(f"{line} seed=1 overwrite=true").code == 0
    assert nag(f"{GRAPH} strategy=random budget=5 out_dir=t seed=1 {QUIET}").code == 0
    assert queries("s") == queries("t")


def test_a_finished_search_is_extended_by_a_greater_budget(nag):
    line = f"{GRAPH} strategy=evolution strategy.population=3 batch=4 {QUIET}"
    assert nag(f"{line} budget=6 out_dir=s").code == 0
    assert nag(f"{line} budget=12 out_dir=s resume=true executor.workers=3 threads=2 seed=0").code == 0
    assert nag(f"{line} budget=12 out_dir=whole").code == 0
    assert queries("s") == queries("whole")
    apart = {"cpu_seconds", "wall_seconds"}
    assert {k: v for k, v in metrics("s").items() if k not in apart} == {
        k: v for k, v in metrics("whole").items() if k not in apart
    }


def test_inputs_are_known_by_their_content_wherever_they_lie(nag):
    Path("space.yaml").write_text(
        "name: chains\ntitle: Chains\noperations: {a: parametric, b: parametric, c: parametric}\nnodes: 4\n"
        "edges: [[0, 1], [1, 2], [2, 3]]\ncodec: {name: edge_list}\n"
    )
    space = load_space("space.yaml")
    archs = space.to_architectures(enumerate_space(space))
    rows = [f'"{space.encode(arch)}",{10 + i}' for i, arch in enumerate(archs)]
    Path("table.csv").write_text("\n".join(["arch,accuracy", *rows]) + "\n")
    assert nag("import-table csv=table.csv search_space=space.yaml search_metric=accuracy out_dir=a").code == 0
    options = f"strategy=random out_dir=s {QUIET}"
    assert nag(f"search task=a/task.yaml budget=3 {options}").code == 0
    Path("a").rename("b")
    assert nag(f"search task=b/task.yaml budget=4 {options} resume=true").code == 0
    table = Path("b/table.csv")
    table.write_text(table.read_text().replace(",11", ",99"))
    before = Path("s/history.jsonl").read_bytes()
    outcome = nag(f"search task=b/task.yaml budget=5 {options} resume=true")
    assert outcome.code == 2
    assert "'s' holds another search: the content of 'task' has changed. Use its options" in outcome.err
    assert Path("s/history.jsonl").read_bytes() == before


def test_a_second_search_in_a_folder_is_told_who_writes_it(nag):
    from nag.core.locks import FolderLock

    lock = FolderLock(Path("s"), "search")
    lock.acquire()
    outcome = nag(f"{GRAPH} strategy=random budget=5 out_dir=s {QUIET}")
    assert outcome.code == 2
    assert f"'s' is being written by process {os.getpid()} on " in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not Path("s/history.jsonl").exists()
    lock.release()
    assert nag(f"{GRAPH} strategy=random budget=5 out_dir=s {QUIET}").code == 0


@pytest.mark.parametrize("strategy", ["default", "random", "evolution"])
def test_a_table_of_a_part_of_its_space_is_searched_within_its_rows(nag, strategy):
    cells = ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    natives = [f"|{op}~0|+|none~0|skip_connect~1|+|none~0|none~1|{op}~2|" for op in cells]
    Path("part.csv").write_text("arch,acc\n" + "".join(f"{native},{i}\n" for i, native in enumerate(natives)))
    Path("part.yaml").write_text("space: nasbench201\ntable: part.csv\nsearch_metric: acc\n")
    outcome = nag(f"search task=part.yaml strategy={strategy} budget=5 out_dir=part {QUIET}")
    assert outcome.code == 0, outcome.err
    assert sorted(row["search_value"] for row in rows("part")) == [0, 1, 2]
    found = metrics("part")
    assert (found["queries"], found["labels_used"], found["failed"], found["regret"]) == (3, 3, 0, 0)


def test_a_function_may_move_and_be_mended_and_a_change_is_told(nag):
    Path("a").mkdir()
    Path("a/mine.py").write_text("def score(architecture, seed):\n    return len(set(architecture.ops))\n")
    Path("task.yaml").write_text("space: nasbench201\nsearch_metric: score\n")
    line = f"search task=task.yaml evaluator=function strategy=random batch=2 executor.workers=1 out_dir=s {QUIET}"
    assert nag(f"{line} budget=2 evaluator.function=a/mine.py:score").code == 0
    Path("a").rename("b")
    outcome = nag(f"{line} budget=4 evaluator.function=b/mine.py:score resume=true")
    assert (outcome.code, outcome.err) == (0, "")
    Path("b/mine.py").write_text("def score(architecture, seed):\n    return 1.0\n")
    outcome = nag(f"{line} budget=6 evaluator.function=b/mine.py:score resume=true")
    assert outcome.code == 0
    assert outcome.err == (
        "warning: the content of 'evaluator.function' has changed since the search began; "
        "what was measured before stays as it is.\n"
    )
    assert nag(f"{line} budget=6 evaluator.function=b/mine.py:other resume=true").code == 2


def test_a_weighted_sum_is_searched_as_from_python(nag, products):
    """The objective of `nag sample`: a sum of the search metric and secondary metrics, in one syntax."""
    task = load_task(products / "task" / "task.yaml")
    goals = "'objective.maximise={accuracy: 1.0}' 'objective.minimise={latency: 4}'"
    outcome = nag(f"search task={products}/task/task.yaml strategy=evolution budget=12 {goals} out_dir=s {QUIET}")
    assert outcome.code == 0, outcome.err
    found = json.loads(Path("s/metrics.json").read_text())
    rows = [json.loads(line) for line in Path("s/history.jsonl").read_text().splitlines()]
    best = max(rows, key=lambda row: row["search_value"] - 4 * row["side"]["latency"])
    assert found["best_arch"] == best["arch"]
    assert found["weights"] == {"accuracy": 1.0, "latency": 4.0}
    assert (found["regret"], found["true_optimum"]) == (None, None)
    objective = Objective((Metric("accuracy"), Metric("latency", maximise=False)), weights={"latency": 4.0})
    study = python_search(task, budget=12, objective=objective, strategy=RegularisedEvolution, progress=False)
    assert [task.space.encode(query.architecture) for query in study] == [row["arch"] for row in rows]


@pytest.mark.parametrize(
    ("goals", "words"),
    [
        ("objective.minimise=latency", ["does not maximise", "objective.maximise.accuracy=1"]),
        ("objective.minimise=accuracy", ["does not maximise"]),
        ("objective.maximise=acuracy", ["acuracy", "Did you mean 'accuracy'?"]),
        ("objective.maximise=accuracy minimise=latency", ["given twice"]),
        ("objective.maximize=accuracy", ["maximize", "Did you mean 'maximise'?"]),
    ],
)
def test_mistakes_in_the_objective_of_a_search(nag, products, goals, words):
    outcome = nag(f"search task={products}/task/task.yaml budget=3 {goals} out_dir=s {QUIET}")
    assert outcome.code == 2
    assert all(word in outcome.err for word in words), outcome.err
