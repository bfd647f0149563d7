"""Every option that takes a path or a text takes every path and text, as the shell hands it over."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from nag.cli.application import COMMANDS
from nag.cli.composition import compose_options

ODD = [
    "data (1).csv",
    "a=b.csv",
    "it's.csv",
    'say "so".csv',
    "#1.csv",
    "a&b.csv",
    "[x].csv",
    "a[b",
    "{x}.csv",
    "{half",
    "müller/ärger.csv",
    "表.csv",
    "a, b.csv",
    "  blanks  ",
    "a:b.csv",
    "${home}.csv",
    "back\\slash.csv",
    "~/x.csv",
    "$x",
    "%41",
    "123",
    "1e5",
    "true",
    "-x.csv",
    "a\tb",
    "x=1,y=2",
    "'quoted",
    "(x)",
    "!x",
    "a+b@c",
    "*.csv",
]
IMPORT = ["search_space=nasbench201", "search_metric=accuracy"]


def composed(name: str, *words: str):
    return compose_options(name, COMMANDS[name], words)


@pytest.mark.parametrize("path", ODD)
def test_a_path_arrives_as_it_is(path):
    cfg, options = composed("import-table", f"csv={path}", f"data_dir={path}", f"name={path}", *IMPORT)
    assert (options.csv, options.data_dir, options.name) == (path, path, path)
    assert (cfg.csv, cfg.data_dir, cfg.name) == (path, path, path)
    cfg, options = composed("sample", f"generator={path}", f"predictor={path}")
    assert (options.generator, options.predictor, cfg.predictor) == (path, path, path)
    cfg, _ = composed(
        "evaluate", f"architectures={path}", "task=nas_bench_graph/cora", "evaluator=shell", f"evaluator.command={path}"
    )
    assert cfg.evaluator.command == path
    cfg, _ = composed(
        "evaluate", f"architectures={path}", "task=nas_bench_graph/cora", "evaluator=proxy", f"evaluator.data_set={path}"
    )
    assert cfg.evaluator.data_set == path


@pytest.mark.parametrize("path", [path for path in ODD if "," not in path and path == path.strip() and path[:1] not in "'\""])
def test_lists_and_mappings_of_paths(path):
    cfg, options = composed("report", f"runs=[{path},b]")
    assert options.runs == [path, "b"] == list(cfg.runs)
    assert composed("report", f"runs={path}")[1].runs == [path]
    assert composed("sample", "generator=g", f"predictors=[{path}, {path}]")[1].predictors == [path, path]
    _, options = composed("train-generator", "search_space=nasbench201", f"conditions={{accuracy: {path}, depth: null}}")
    assert options.conditions == {"accuracy": path, "depth": None}
    assert composed("train-generator", "search_space=nasbench201", f"conditions.a={path}")[1].conditions == {"a": path}


def test_quotes_around_a_whole_value_and_null():
    assert composed("report", "runs=['a, b',\"c\"]")[1].runs == ["a, b", "c"]
    assert composed("import-table", "csv='a b'", *IMPORT)[1].csv == "a b"
    assert composed("import-table", 'csv="it\'s"', *IMPORT)[1].csv == "it's"
    assert composed("import-table", "csv=a", "data_dir=null", "name='null'", *IMPORT)[1].data_dir is None
    assert composed("report", "runs=[]")[1].runs == []


@pytest.mark.parametrize("folder", ["daten müller (1)", "a=b, c", "it's #1 [x] {y} & z"])
def test_commands_work_in_every_folder(nag, products, folder):
    """Import, training, sampling and report with every file in a folder of that name."""
    place = Path(folder)
    place.mkdir()
    for name in ("space.yaml", "table.csv"):
        shutil.copy(products / name, place / name)
    shutil.copytree(products / "drawn", place / "drawn")
    q = shlex.quote
    lines = [
        f"import-table {q(f'csv={folder}/table.csv')} {q(f'search_space={folder}/space.yaml')} search_metric=accuracy"
        f" {q(f'out_dir={folder}/task')}",
        f"train-predictor {q(f'task={folder}/task/task.yaml')} num_train=30 predictor=process {q(f'out_dir={folder}/p')}"
        " tracker.mode=disabled",
        f"sample {q(f'generator={folder}/drawn/generator.safetensors')} {q(f'predictor={folder}/p/predictor.safetensors')}"
        f" num_samples=3 guidance=evolution guidance.proposal.generations=1 {q(f'out_dir={folder}/s')} tracker.mode=disabled",
        f"evaluate {q(f'architectures={folder}/s/architectures.jsonl')} {q(f'task={folder}/task/task.yaml')}"
        f" {q(f'out_dir={folder}/e')} tracker.mode=disabled",
    ]
    for line in lines:
        outcome = nag(line)
        assert outcome.code == 0, (line, outcome.err)
    assert json.loads((place / "e" / "metrics.json").read_text())["count"] == 3
    if "," not in folder:
        assert nag(f"report {q(f'runs=[{folder}/s,{folder}/e]')}").code == 0
    assert nag(f"report {q(f'runs={folder}/s')}").code == 0
    assert (place / "s" / "report.html").exists()


def test_column_names_of_every_kind(nag, products):
    table = (products / "table.csv").read_text().replace("arch,accuracy,latency", "Zelle,Test accuracy (%),latency [ms]")
    Path("t.csv").write_text(table)
    line = (
        f"import-table csv=t.csv search_space={products}/space.yaml 'search_metric=Test accuracy (%)'"
        " 'side_metrics=[latency [ms]]' arch_column=Zelle out_dir=task"
    )
    outcome = nag(line)
    assert outcome.code == 0, outcome.err
    outcome = nag("search task=task/task.yaml strategy=random budget=3 'minimise=latency [ms]' tracker.mode=disabled")
    assert outcome.code == 0, outcome.err
