from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.report import write_report
from nag.report.bundle import plotly_bundle
from nag.report.figures import predictor_scatter
from nag.report.rows import HeldOut
from nag.report.runs import find_runs
from nag.report.tiles import tiles
from nag.spaces import load_space

ATTACK = '</script><script>alert("x")</script><img src=x onerror=alert(1)>--><b>'
TASK = "nas_bench_graph/cora"
PROTOCOL = "searched on valid_perf, reports perf (higher is better)"
SPACE = load_space("nas_bench_graph")
ARCHS = [SPACE.decode(text) for text in ("0,1,2,3|gcn,gat,fc,gin", "0,0,1,3|cheb,sage,arma,graph", "0,1,1,1|gat,gat,gin,gcn")]


def write_run(path: Path, command: str, **metrics) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    always = {
        "nag_version": "0.1.0",
        "seed": 7,
        "device": "cpu",
        "cpu_seconds": 12.5,
        "wall_seconds": 13.0,
        "versions": "python 3",
    }
    (path / "metrics.json").write_text(json.dumps({"command": command, **always, **metrics}))
    (path / "config.yaml").write_text("seed: 7\n")
    return path


def write_lines(path: Path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def sample_metrics(**more) -> dict:
    shares = ("validity_raw", "uniqueness", "functional_uniqueness", "novelty", "tv_ops", "tv_edges")
    values = {name: 0.9 for name in shares} | {f"{name}_reference": 0.95 for name in shares}
    return {"search_space": SPACE.name, "network_evaluations": 10, **values, **more}


def write_generator(path: Path) -> Path:
    metrics = sample_metrics(train_fraction=0.5, train_size=100, space_size=200, steps=30, steps_per_second=9.5, loss=1.25)
    write_run(path, "train-generator", **metrics)
    log = [{"event": "start", "time": 0, "name": "g", "config": {}}]
    log += [{"event": "log", "time": 1.0, "step": i, "metrics": {"train/loss": 2 / (i + 1)}} for i in range(30)]
    write_lines(path / "log.jsonl", [*log, {"event": "log", "time": 2.0, "step": 31, "metrics": {"train/loss": None}}])
    return path


def write_predictor(path: Path) -> Path:
    numbers = {"kendall_tau": 0.625, "spearman": 0.8, "mae": 0.01, "precision_at_10pct": 0.4, "kendall_tau_all_other": 0.6}
    split = "by canonical class: 200 labels, seed 7"
    write_run(path, "train-predictor", task=TASK, search_metric="valid_perf", labels_used=200, split=split, **numbers)
    rows = [
        {"arch": SPACE.encode(a), "predicted": 0.7 + i / 50, "std": 0.01, "true": 0.72 + i / 60} for i, a in enumerate(ARCHS)
    ]
    write_lines(path / "predictions.jsonl", rows)
    return path


def evaluations(offset: float) -> list[dict]:
    return [
        {"arch": SPACE.encode(arch), "canonical_hash": f"h{i}", "search_value": 0.8, "report_value": 0.81 + i / 100,
         "percentile": offset + 10 * i, "side": {"latency": 1.0}}
        for i, arch in enumerate(ARCHS)
    ]  # fmt: skip


def write_sample(path: Path, guided: bool, task: bool = True) -> Path:
    rows = [
        {"arch": SPACE.encode(arch), "ops": list(arch.ops), "edges": arch.edges, "canonical_hash": f"h{i}",
         "predicted_mean": 0.8 - i / 100 if guided else None, "predicted_std": 0.02 if guided else None, "estimated_cost": {}}
        for i, arch in enumerate(ARCHS)
    ]  # fmt: skip
    metrics = sample_metrics(
        num_samples=3, guided=guided, guidance_scale=10.0 if guided else 0.0, labels_used=200 if guided else 0
    )
    if task:
        metrics |= {"task": TASK, "report_metric": "perf", "protocol": PROTOCOL, "true_mean": 0.82, "true_best": 0.83}
        metrics |= {"true_percentile_mean": 85.25, "true_percentile_best": 95.5, "true_optimum": 0.8313}
        metrics |= {"uniform_true_mean": 0.75, "uniform_true_percentile_mean": 48.5}
    write_run(path, "sample", **metrics)
    write_lines(path / "architectures.jsonl", rows)
    if task:
        write_lines(path / "evaluations.jsonl", evaluations(75.25 if guided else 45.0))
        write_lines(path / "uniform.jsonl", evaluations(38.5))
    return path


def write_evaluate(path: Path) -> Path:
    write_run(path, "evaluate", task=TASK, report_metric="perf", protocol=PROTOCOL, count=3, best=0.83, mean=0.82)
    write_lines(path / "evaluations.jsonl", evaluations(60.0))
    return path


def write_quickstart(path: Path) -> Path:
    metrics = {"guided_true_percentile_mean": 85.25, "unguided_true_percentile_mean": 51.0, "labels_used": 200}
    metrics |= {"guided_pick_percentile": 97.125, "guided_pick_true": 0.82, "random_search_pick_percentile": 96.5}
    write_run(path, "quickstart", task=TASK, protocol=PROTOCOL, some_future_metric=0.4321, **metrics)
    write_generator(path / "generator")
    write_predictor(path / "predictor")
    write_sample(path / "guided", guided=True)
    write_sample(path / "unguided", guided=False)
    return path


KINDS = {
    "train-generator": (write_generator, 2, 0),
    "train-predictor": (write_predictor, 1, 0),
    "guided sample": (lambda path: write_sample(path, guided=True), 4, 4),
    "unguided sample": (lambda path: write_sample(path, guided=False), 3, 4),
    "sample without a task": (lambda path: write_sample(path, guided=True, task=False), 1, 3),
    "evaluate": (write_evaluate, 2, 1),
    "quickstart": (write_quickstart, 6, 6),
    "future command": (lambda path: write_run(path, "dream", nested={"a": [1]}, nothing=None, flag=True), 0, 0),
}


class Page(HTMLParser):
    """What a browser would find: elements, scripts and visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words.append(data)

    @property
    def figures(self) -> list[dict]:
        kinds = [attrs.get("type") for tag, attrs in self.elements if tag == "script"]
        return [json.loads(text) for kind, text in zip(kinds, self.scripts, strict=True) if kind == "application/json"]

    def count(self, tag: str, name: str) -> int:
        return sum(element == tag and name in (attrs.get("class") or "").split() for element, attrs in self.elements)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report(tmp_path: Path, *runs: Path) -> Page:
    path = write_report(runs, tmp_path / "out" / "report.html", "A title")
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_run_alone(tmp_path, kind):
    write, figures, cards = KINDS[kind]
    page = report(tmp_path, write(tmp_path / "run"))
    assert len(page.figures) == page.count("div", "plot") == figures
    assert all(figure["data"] for figure in page.figures)
    assert page.count("article", "card") == cards
    drawn = cards - (kind == "evaluate")  # its file lists no graphs
    assert sum(tag == "svg" for tag, _ in page.elements) == drawn
    assert "12.5 CPU seconds" in page.text
    assert "seed: 7" in page.text


def test_plotly_stands_in_the_page_once_and_only_if_needed(tmp_path):
    with_figures = report(tmp_path, write_quickstart(tmp_path / "q"))
    assert with_figures.scripts.count(plotly_bundle()) == 1
    without = report(tmp_path, write_run(tmp_path / "r", "dream"))
    assert without.scripts == []


def test_nothing_is_loaded_from_elsewhere(tmp_path):
    source = write_report([write_quickstart(tmp_path / "q")], tmp_path / "report.html", "t").read_text(encoding="utf-8")
    page = Page(source)
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "object", "embed", "base", "form", "img"}
    assert not any("src" in attrs for _, attrs in page.elements)
    assert not any(
        (attrs.get("href") or attrs.get("xlink:href") or "#").startswith(("http", "//")) for _, attrs in page.elements
    )
    own = source.replace(plotly_bundle(), "")
    assert re.search(r'src="http|<link|url\(["\']?http|@import', own) is None
    policy = next(attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2


def test_text_of_files_is_escaped_everywhere(tmp_path):
    generator, predictor = write_generator(tmp_path / "<b>g"), write_predictor(tmp_path / "p")
    guided, evaluated = write_sample(tmp_path / "s", guided=True), write_evaluate(tmp_path / "e")
    for folder in (generator, predictor, guided, evaluated):
        for path in [*folder.glob("*.jsonl"), folder / "metrics.json"]:
            path.write_text(path.read_text().replace(SPACE.encode(ARCHS[0]), json.dumps(ATTACK)[1:-1]))
        metrics = json.loads((folder / "metrics.json").read_text())
        hurt = {"task", "search_space", "search_metric", "report_metric", "protocol", "split", "versions", "device"}
        changed = {key: ATTACK if key in hurt else value for key, value in metrics.items()} | {ATTACK: ATTACK}
        (folder / "metrics.json").write_text(json.dumps(changed))
        (folder / "config.yaml").write_text(ATTACK)
    path = guided / "architectures.jsonl"
    path.write_text(path.read_text().replace('"gat"', json.dumps(ATTACK)))
    clean = report(tmp_path, write_quickstart(tmp_path / "q"))
    source = write_report([generator, predictor, guided, evaluated], tmp_path / "report.html", ATTACK).read_text(
        encoding="utf-8"
    )
    page = Page(source)
    assert "<script>alert" not in source
    assert "<img" not in source.replace(plotly_bundle(), "")
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in clean.elements} | {"td", "tr", "table"}
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    executable = [attrs for tag, attrs in page.elements if tag == "script" and attrs.get("type") != "application/json"]
    assert len(executable) == 2
    assert ATTACK in "".join(page.words)
    for figure in page.figures:  # plotly shows text as a kind of HTML
        for text in re.findall(r'"(?:[^"\\]|\\.)*"', json.dumps([trace.get("text") for trace in figure["data"]])):
            assert "<script" not in text
            assert "<img" not in text


def test_summary_and_table_state_what_the_numbers_mean(tmp_path):
    page = report(tmp_path, write_quickstart(tmp_path / "q"))
    assert f"the mean true percentile on {TASK} is 85.25; uniform draws would give 50 (those drawn here: 48.5)" in page.text
    assert "100 of the 200 architectures of nas_bench_graph (50 %, split by canonical hash" in page.text
    assert "97.12: more than random search, whose best labelled architecture reaches 96.5 with as many labels" in page.text
    assert "Searched on valid_perf, reports perf (higher is better)." in page.text
    assert "The split goes by canonical class: 200 labels, seed 7." in page.text
    assert "some_future_metric 0.4321" in page.text


def test_search_on_the_reported_metric_is_said(tmp_path):
    run = write_sample(tmp_path / "s", guided=True)
    path = run / "metrics.json"
    path.write_text(path.read_text().replace(PROTOCOL, "searched on the reported metric perf (higher is better)"))
    assert "Searched on the reported metric perf" in report(tmp_path, run).text


def test_best_architectures_come_first_and_the_predicted_best_is_marked(tmp_path):
    page = report(tmp_path, write_sample(tmp_path / "s", guided=True))
    places = [page.text.index(f"{name} true value") for name in ("#1 by", "#2 by")]
    assert places == sorted(places)
    assert page.text.index(SPACE.encode(ARCHS[2])) < page.text.index(SPACE.encode(ARCHS[0]))
    marked = page.text.index("predicted best", page.text.index("#3 by"))
    assert marked < page.text.index(SPACE.encode(ARCHS[0]))
    assert "0.8 ± 0.02" in page.text


def test_lower_is_better_is_heeded(tmp_path):
    run = write_sample(tmp_path / "s", guided=True)
    path = run / "metrics.json"
    path.write_text(path.read_text().replace("higher is better", "lower is better"))
    text = report(tmp_path, run).text
    assert text.index("predicted best", text.index("#1 by")) < text.index("#2 by")


def test_several_runs_of_a_kind_are_told_apart_and_averaged(tmp_path):
    first, second = write_sample(tmp_path / "a", guided=True), write_sample(tmp_path / "b", guided=True)
    path = second / "metrics.json"
    path.write_text(path.read_text().replace("85.25", "87.25"))
    page = report(tmp_path, first, second)
    assert "guided (a)" in page.text
    assert "guided (b)" in page.text
    tile = tiles(find_runs([first, second]))[0]
    assert tile.value == "86.25"
    assert tile.note.startswith("mean of 2 runs, standard deviation 1.414")


def test_folder_stands_for_its_runs_and_each_run_counts_once(tmp_path):
    folder = write_quickstart(tmp_path / "q")
    runs = find_runs([folder, folder / "guided", tmp_path / "q" / ".." / "q"])
    assert [run.name for run in runs] == ["q", "generator", "predictor", "guided", "unguided"]
    (folder / "metrics.json").unlink()
    assert [run.name for run in find_runs([folder])] == ["generator", "predictor", "guided", "unguided"]


def test_same_runs_give_the_same_page(tmp_path):
    run = write_quickstart(tmp_path / "q")
    pages = [write_report([run], tmp_path / name, "t").read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_no_run_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match="no run"):
        write_report([], tmp_path / "report.html", "t")


def test_missing_folder_and_folder_without_runs(tmp_path):
    with pytest.raises(MissingData, match="nowhere"):
        report(tmp_path, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingData, match=r"empty.metrics\.json"):
        report(tmp_path, tmp_path / "empty")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"command": 3}'])
def test_damaged_metrics(tmp_path, content):
    run = write_generator(tmp_path / "g")
    (run / "metrics.json").write_text(content)
    with pytest.raises(DamagedFile, match=r"metrics\.json"):
        report(tmp_path, run)


@pytest.mark.parametrize("name", ["architectures.jsonl", "evaluations.jsonl", "uniform.jsonl"])
def test_missing_files_of_samples(tmp_path, name):
    run = write_sample(tmp_path / "s", guided=True)
    (run / name).unlink()
    with pytest.raises(MissingData, match=name):
        report(tmp_path, run)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("architectures.jsonl", '{"arch": "x"'),
        ("architectures.jsonl", '{"arch": "x"}'),
        ("architectures.jsonl", '{"arch": "x", "ops": ["a", "b"], "edges": [[1, 0]]}'),
        ("architectures.jsonl", '{"arch": "x", "ops": 3, "edges": 4}'),
        ("evaluations.jsonl", '{"arch": "another"}'),
        ("uniform.jsonl", '{"arch": "x", "report_value": "high"}'),
    ],
)
def test_damaged_files_of_samples(tmp_path, name, line):
    run = write_sample(tmp_path / "s", guided=True)
    with (run / name).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DamagedFile, match=name):
        report(tmp_path, run)


def test_damaged_predictions_and_log(tmp_path):
    run = write_predictor(tmp_path / "p")
    (run / "predictions.jsonl").write_text('{"arch": "x", "true": 0.5}\n')
    with pytest.raises(DamagedFile, match=r"line 1 of .*predictions\.jsonl"):
        report(tmp_path, run)
    run = write_generator(tmp_path / "g")
    (run / "log.jsonl").write_text('{"event": "log", "step": null, "metrics": {"train/loss": 1.0}}\n')
    with pytest.raises(DamagedFile, match=r"log\.jsonl"):
        report(tmp_path, run)


def test_run_without_log_or_configuration_or_numbers_is_still_reported(tmp_path):
    run = write_generator(tmp_path / "g")
    for name in ("log.jsonl", "config.yaml"):
        (run / name).unlink()
    (run / "metrics.json").write_text('{"command": "train-generator", "loss": null}')
    page = report(tmp_path, run)
    assert page.figures == []
    assert "The run folder has no config.yaml." in page.text


def test_of_many_held_out_architectures_a_thousand_are_shown():
    held_out = HeldOut("p", ["a"] * 2500, [0.5] * 2500, [0.1] * 2500, [i / 2500 for i in range(2500)])
    shown = predictor_scatter(held_out, "accuracy").data[0]
    assert 500 < len(shown.x) <= 1000
    assert len(shown.text) == len(shown.x)
    assert max(shown.x) > 0.99
