"""The report of searches: who won and by how much, feasible apart from infeasible, small pages, drawings that can be read."""

from __future__ import annotations

import html
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import nag
from nag.core.errors import InvalidRequest
from nag.graphs import Architecture
from nag.report import write_report
from nag.report.bundle import plotly_bundle
from nag.report.drawings import drawing_of
from nag.report.histories import read_search
from nag.report.importance import choices_of, shares_of
from nag.report.runs import find_runs
from nag.report.studies import searches_of_studies

OPS = ("conv", "pool", "skip")
TASK = {
    "task": "images/chain", "search_space": "chain", "search_metric": "accuracy", "report_metric": "test", "maximise": True,
    "protocol": "searched on accuracy, reports test (higher is better)", "minimised": ["latency"], "maximised": [],
    "limits": {"latency": {"max": 4.0}}, "regret": 0.5,
}  # fmt: skip


def write_search(folder: Path, strategy: str, queries: int, length: int = 6, seed: int = 0, **metrics: object) -> Path:
    """A search in which the operation at node 2 decides the accuracy, and convolutions cost."""
    rng = random.Random(seed)
    lines = []
    for query in range(1, queries + 1):
        ops = ["input", *(rng.choice(OPS) for _ in range(length)), "output"]
        value = 80.0 + 5 * (ops[2] == "conv") + 0.01 * rng.random()
        failed = query % 10 == 0
        lines.append({
            "query": query, "arch": "-".join(ops[1:-1]), "ops": ops, "edges": [[i, i + 1] for i in range(length + 1)],
            "canonical_hash": f"h{query}", "search_value": None if failed else value,
            "report_value": None if failed else value - 1,
            "percentile": None if failed else 95.0 if ops[2] == "conv" else 40.0, "side": {"latency": float(ops.count("conv"))},
            "epochs": 1, "cpu_seconds": 2.0, "gpu_seconds": 0.5, "error": "failed" if failed else "", "identity": "",
        })  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    about = {"command": "search", "seed": seed, "strategy": strategy, "queries": queries, **TASK, **metrics}
    (folder / "metrics.json").write_text(json.dumps(about))
    return folder


def page_of(tmp_path: Path, *runs: Path) -> str:
    return write_report(runs, tmp_path / "report.html", "A title").read_text(encoding="utf-8")


def visible(page: str) -> str:
    return page.replace(plotly_bundle(), "")


def test_the_headline_says_who_won_by_how_much_and_how_to_export_it(tmp_path):
    runs = [write_search(tmp_path / "a", "Evolution", 30, seed=1), write_search(tmp_path / "b", "Random", 30, seed=2)]
    page = visible(page_of(tmp_path, *runs))
    searches = [read_search(run, found) for found in [find_runs(runs)] for run in found]
    best = {search.name: search.ranked[0] for search in searches}
    winner, second = sorted(best, key=lambda name: -best[name].value)
    head = page[page.index('class="headline"') : page.index("The searches on")]
    assert f"{winner} found accuracy {best[winner].value:.6g} on images/chain" in head
    assert f"{best[winner].value - best[second].value:.4g} better than {second} (30 queries each)" in head
    assert "the best of 30 uniform draws would be better than 96.77 % on average" in head
    assert "<b>latency at most 4</b>" in head
    assert ", kept" in head
    assert f"nag export {best[winner].row.arch} search_space=chain weights=initial" in head


def test_a_tie_is_told_as_a_tie_and_nothing_feasible_as_such(tmp_path):
    same = [write_search(tmp_path / name, name, 20) for name in ("a", "b")]
    assert "as good as" in visible(page_of(tmp_path, *same))
    none = write_search(tmp_path / "c", "c", 20, limits={"latency": {"max": -1.0}})
    assert "Nothing won on images/chain: no query kept the limits (latency at most -1)" in visible(page_of(tmp_path, none))


def test_infeasible_queries_never_win_and_stand_apart(tmp_path):
    run = write_search(tmp_path / "a", "Random", 40, limits={"latency": {"max": 2.0}})
    (found,) = find_runs([run])
    search = read_search(found, [found])
    assert all(query.side["latency"] <= 2 for query in [*search.ranked, *search.improvements])
    values = [query.value for query in search.improvements]
    assert values == sorted(set(values))
    page = visible(page_of(tmp_path, run))
    assert page.count("<td>breaks a limit</td>") == sum(not query.feasible for query in search.measured)
    assert page.count("<td>failed</td>") == 4
    assert '"name":"breaks a limit"' in page


def test_the_choice_that_decides_is_the_most_important(tmp_path):
    run = write_search(tmp_path / "a", "Random", 200)
    (found,) = find_runs([run])
    queries = read_search(found, [found]).measured
    choices = choices_of(queries)
    (position, share), *_ = shares_of(choices, queries)
    assert (position, share > 0.95) == (2, True)
    effects = {choice.operation: choice.effect for choice in choices if choice.position == 2}
    assert max(effects, key=lambda name: effects[name]) == "conv"
    for place in {choice.position for choice in choices}:
        same = [choice for choice in choices if choice.position == place]
        assert sum(choice.count * choice.effect for choice in same) == pytest.approx(0, abs=1e-6)


def test_a_page_stays_small(tmp_path):
    many = [write_search(tmp_path / f"m{i}", f"strategy{i}", 100, seed=i) for i in range(10)]
    large = write_search(tmp_path / "large", "Random", 3000, length=80)
    for runs in (many, [large]):
        assert len(page_of(tmp_path, *runs).encode()) < 1_500_000


def test_long_chains_wrap_and_large_graphs_are_described():
    chain = Architecture(("input", *["conv"] * 30, "output"), tuple((i, i + 1) for i in range(31)))
    assert "× 30" in drawing_of(chain)
    assert "<svg" not in drawing_of(chain)
    dense = Architecture(("input", *["conv"] * 40, "output"), tuple((i, j) for i in range(42) for j in range(i + 1, 42)))
    assert "42 nodes, 861 edges; too many to draw" in drawing_of(dense)
    assert "<svg" in drawing_of(Architecture(("input", "conv", "output"), ((0, 1), (1, 2))))


def test_an_export_command_is_quoted_and_none_is_made_of_control_characters(tmp_path):
    run = write_search(tmp_path / "a", "Random", 12)
    for text, quoted in (("a; rm -rf ~", "'a; rm -rf ~'"), ("a'b", "&#39;a&#39;&#34;&#39;&#34;&#39;b&#39;")):
        metrics = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps({**metrics, "search_space": text}))
        page = visible(page_of(tmp_path, run))
        assert "weights=initial" in page
        assert quoted.strip("'") in page.replace("search_space=", "").replace("&#39;search_space", "&#39;")


def test_the_bundle_is_the_published_one():
    assert plotly_bundle().startswith("/**\n* plotly.js (basic - minified) v4.1.1")
    assert "</script" not in plotly_bundle()


def test_studies_in_memory_are_reported_without_a_run_folder(tmp_path):
    def convolutions(architecture):
        return {"convolutions": architecture.ops.count("nor_conv_3x3"), "edges": len(architecture.edges)}

    space = nag.load_space("nasbench201")
    objective = nag.Objective.single("convolutions", limits={"edges": {"max": 20}})
    found = {
        str(seed): nag.search(convolutions, space, budget=6, objective=objective, strategy=nag.search.RandomSearch, seed=seed)
        for seed in (0, 1)
    }
    one = visible(nag.write_report(found["0"], tmp_path / "one.html").read_text(encoding="utf-8"))
    assert space.encode(found["0"].best.architecture) in html.unescape(one)
    both = visible(nag.write_report(found, tmp_path / "both.html", "Two seeds").read_text(encoding="utf-8"))
    assert "<title>Two seeds</title>" in both
    assert "6 queries each" in both
    assert {path.name for path in tmp_path.iterdir()} == {"one.html", "both.html"}
    with pytest.raises(InvalidRequest, match="no run to report on"):
        nag.write_report({}, tmp_path / "none.html")


def test_the_report_of_a_study_never_shows_report_values_as_the_search_metric(tmp_path):
    space = nag.load_space("nasbench201")
    study = nag.search(lambda arch: len(arch.edges), space, budget=2, strategy=nag.search.RandomSearch)
    assert (searches_of_studies({"a": study})[0].run.text("report_metric")) == "value"
    moved = tuple(replace(each, report_value=0.5) for each in study.evaluations)
    (found,) = searches_of_studies({"a": nag.Study(space, study.objective, moved)})
    assert found.run.text("report_metric") == "report_value"
    assert found.run.text("protocol").startswith("searched on value, reports report_value")
