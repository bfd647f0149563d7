"""Every option that takes a path or a text takes every path and text, as the shell hands it over."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

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
EVALUATE = ["task=nas_bench_graph/cora"]


def composed(name: str, *words: str):
    return compose_options(name, COMMANDS[name], words)


@pytest.mark.covering
@pytest.mark.parametrize(
    ("command", "options", "more"),
    [
        ("import-table", ["csv", "data_dir", "name"], IMPORT),
        ("sample", ["generator", "predictor"], []),
        ("evaluate", ["architectures", "evaluator.command"], [*EVALUATE, "evaluator=shell"]),
        ("evaluate", ["architectures", "evaluator.data_set"], [*EVALUATE, "evaluator=proxy"]),
    ],
)
@pytest.mark.parametrize("path", ODD)
def test_a_path_arrives_as_it_is(path, command, options, more):
    cfg, typed = composed(command, *(f"{option}={path}" for option in options), *more)
    for option in options:
        assert OmegaConf.select(cfg, option) == path
        assert getattr(typed, option, path) == path


@pytest.mark.covering
@pytest.mark.parametrize(
    ("command", "given", "option", "taken"),
    [
        ("report", "runs=[{},b]", "runs", lambda path: [path, "b"]),
        ("report", "runs={}", "runs", lambda path: [path]),
        ("sample", "predictors=[{0}, {0}]", "predictors", lambda path: [path, path]),
        (
            "train-generator",
            "conditions={{accuracy: {}, depth: null}}",
            "conditions",
            lambda path: {"accuracy": path, "depth": None},
        ),
        ("train-generator", "conditions.a={}", "conditions", lambda path: {"a": path}),
    ],
)
@pytest.mark.parametrize("path", [path for path in ODD if "," not in path and path == path.strip() and path[:1] not in "'\""])
def test_lists_and_mappings_of_paths(path, command, given, option, taken):
    more = {"sample": ["generator=g"], "train-generator": ["search_space=nasbench201"]}.get(command, [])
    assert getattr(composed(command, given.format(path), *more)[1], option) == taken(path)


def test_quotes_around_a_whole_value_and_null():
    assert composed("report", "runs=['a, b',\"c\"]")[1].runs == ["a, b", "c"]
    assert composed("import-table", "csv='a b'", *IMPORT)[1].csv == "a b"
    assert composed("import-table", 'csv="it\'s"', *IMPORT)[1].csv == "it's"
    assert composed("import-table", "csv=a", "data_dir=null", "name='null'", *IMPORT)[1].data_dir is None
    assert composed("report", "runs=[]")[1].runs == []


@pytest.mark.parametrize(
    "folder", ["it's #1 [x] {y} & z", *(pytest.param(name, marks=pytest.mark.slow) for name in ("daten müller (1)", "a=b, c"))]
)
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
