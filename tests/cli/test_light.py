"""Help, lists and mistakes come without torch, and what they say is what the loaded classes say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from nag.cli.commands import COMMANDS
from nag.cli.source_signatures import signature_of
from nag.cli.targets import locate
from nag.core.checkpoint_header import FORMAT
from nag.core.errors import InvalidRequest, MissingData
from nag.core.lazy import names_of
from nag.core.numbers import Count, SmallCount, Width
from nag.core.signatures import annotations_of, conform
from nag.evaluation import computed_metrics, list_data_sets, list_tasks, list_training_tasks, load_task, space_of_task
from nag.evaluation.data_sets import data_set_kind
from nag.evaluation.metric_names import GRAPH_METRICS, metric_names
from nag.evaluation.trials.proxy_names import PROXY_NAMES
from nag.graphs import Architecture
from nag.networks import DataShape, builder_of, has_builder
from nag.proxies import list_proxies
from nag.spaces import list_spaces, load_space, notation_of, space_titles

ROOT = Path(__file__).parents[2]
LISTS = [
    "spaces",
    "tasks",
    "generators",
    "predictors",
    "guidances",
    "strategies",
    "evaluators",
    "executors",
    "builders",
    "suites",
]
MISTAKES = [
    "serch",
    "list spcaes",
    "search tsak=1",
    "search task=nas_bench_graph/coar budget=3",
    "search task=digits/nasbnch201 budget=3",
    "search task=none.yaml budget=3",
    "search task=digits/nasbench201 budget=many",
    "search task=digits/nasbench201 budget=3 strategy=gq",
    "search task=digits/nasbench201 budget=3 strategy=evolution strategy.popuation=3",
    "search task=digits/nasbench201 budget=3 strategy=evolution strategy.population=many",
    "train-generator search_space=nasbench20",
    "train-generator search_space=nasbench201 device=tpu",
    "train-generator search_space=nasbench201 generator.heads=0",
    "train-predictor task=nas_bench_graph/cora predictor.parts.gnn.widht=3",
    "benchmark suite=serch",
    "train-predictor task=nas_bench_graph/cora labels=none.csv",
    "sample generator=none.safetensors",
    "report runs=[none]",
    "export none",
    "export x weights=none.safetensors",
    "import-table csv=none.csv search_space=nasbench201 search_metric=a",
    "import-benchmark none.tfrecord",
    "evaluate architectures=none.jsonl task=nas_bench_graph/cora",
    "finetune-generator generator=none.safetensors task=nas_bench_graph/cora",
    "search task=nas_bench_graph/cora budget=3 meta_predictor=none.safetensors",
    "search task=nas_bench_graph/cora budget=3 maximise=latency objective.minimise=latency",
    "search task=nas_bench_graph/cora budget=3 data_dir=none",
    "search task=nas_bench_graph/cora budget=3 minimise=latncy",
    "search task=nas_bench_graph/cora budget=3 limits.latncy=3",
    "search task=digits/nasbench201 budget=3 evaluator=train objective.minimise=parms",
    "search task=HERE/own.yaml budget=3 maximise=[sped]",
    "train-predictor task=nas_bench_graph/cora metric=latncy",
    "show 0,0,1,2|gcn,gat,fc,gni search_space=nas_bench_graph",
    "show |nor_conv_3x3~0| search_space=nasbench201",
    "export 0,0,1,2|gcn,gat,fc,gni search_space=nas_bench_graph weights=initial",
    "export 0,0,1,2|gcn,gat,fc,gni task=sbm/nas_bench_graph weights=initial",
    "export 0,0,1,2|gcn,gat,fc,gin weights=initial",
    "evaluate architectures=HERE/archs.txt task=nas_bench_graph/cora",
    "train-generator search_space=nas_bench_graph architectures=HERE/archs.txt",
    "benchmark suite=search earlier=none.json",
    "search task=HERE/own.yaml budget=3 evaluator=function evaluator.function=none.py:f",
    "search task=HERE/own.yaml budget=3 evaluator=function evaluator.function=os.path:nothing",
    "search task=digits/nasbench201 budget=3 evaluator=proxy evaluator.proxy=synflw",
    "search task=digits/nasbench201 budget=3 strategy._target_=nag.search.RandomSerch",
    "search task=digits/nasbench201 budget=3 strategy._target_=nag.serch.RandomSearch",
    "search task=nas_bench_graph/cora budget=3 store=postgresq://head/nag",
    "search task=nas_bench_graph/cora budget=3 out_dir=s3://bucket/run",
    "search task=nas_bench_graph/cora budget=3 out_dir=HERE/other",
    "search task=nas_bench_graph/cora budget=3 generator=HERE/archs.txt",
    "sample generator=HERE/predictor.safetensors",
    "sample generator=HERE/generator.safetensors task=digits/nasbench201 search_space=nas_bench_graph",
    "train-predictor task=nas_bench_graph/cora labels=postgresq://head/nag",
    "train-generator search_space=nas_bench_graph conditions={depht:null}",
    "train-generator search_space=nas_bench_graph generator.kernel._target_=nag.diffusion.NoSuch",
    "show 0,0,1,2|gcn,gat,fc,gin search_space=nas_bench_graph task=analog_nasbench/ptq",
    "show 0,0,1,2|gcn,gat,fc,gin search_space=nas_bench_graph file=a.sgv",
    "export 0,0,1,2|gcn,gat,fc,gin search_space=nas_bench_graph task=digits/nasbench201 weights=initial",
    "export x weights=HERE/archs.txt",
    "report runs=HERE",
]
LIGHT = [
    "",
    "--help",
    "--version",
    *(f"{name} --help" for name in COMMANDS),
    "list --help",
    *(f"list {kind}" for kind in LISTS),
]
RUN = """
import contextlib, io, sys
from nag.cli import main
for line in {lines!r}:
    sys.argv, code = ["nag", *line.split()], 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    heavy = {{"torch", "pandas", "scipy", "wandb", "matplotlib", "lightgbm", "onnx", "plotly"}} & set(sys.modules)
    assert not heavy, (line, heavy)
    assert code == {code}, (line, code)
"""


def run_apart(code: str) -> None:
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_help_and_lists_import_nothing_heavy():
    run_apart(RUN.format(lines=LIGHT, code=0))


def test_mistakes_are_told_before_anything_heavy_is_imported(tmp_path):
    (tmp_path / "archs.txt").write_text("0,0,1,2|gcn,gat,fc,gin\n0,0,1,2|gcn,gat,fc,gni\n")
    (tmp_path / "own.yaml").write_text("space: nasbench201\nsecondary_metrics: {speed: maximise}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("command: evaluate\n")
    for kind in ("generator", "predictor"):
        metadata = {"format": FORMAT, "kind": kind, "version": "", "class": "", "config": "", "space": "", "facts": ""}
        save_file({"a": torch.zeros(1)}, tmp_path / f"{kind}.safetensors", metadata)
    run_apart(RUN.format(lines=[line.replace("HERE", str(tmp_path)) for line in MISTAKES], code=2))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("search task=digits/nasbench201 budget=3 evaluator=proxy evaluator.proxy=synflw", "Did you mean 'synflow'?"),
        ("search task=digits/nasbench201 budget=3 strategy._target_=nag.search.RandomSerch", "Did you mean 'RandomSearch'?"),
        ("search task=digits/nasbench201 budget=3 strategy._target_=nag.serch:RandomSearch", "Did you mean 'search'?"),
        ("search task=nas_bench_graph/cora budget=3 store=postgresq://me:pw@head/nag", "Did you mean 'postgresql://'?"),
        ("train-predictor task=nas_bench_graph/cora labels=sqlit:///a.db", "Did you mean 'sqlite://'?"),
        ("train-generator search_space=nas_bench_graph 'conditions={depht: null}'", "Did you mean 'depth'?"),
        ("show '0,0,1,2|gcn,gat,fc,gin' search_space=nas_bench_graph task=analog_nasbench/ptq", "Its space is nasbench201."),
        ("report runs=.", "Name the folder of a finished run."),
        ("export x weights=none", "Make one with: nag evaluate evaluator=train"),
    ],
)
def test_mistakes_are_told_with_what_helps(nag, line, told):
    outcome = nag(line)
    assert outcome.code == 2
    assert outcome.err.endswith(f"{told}\n")
    assert len(outcome.err.splitlines()) == 1
    assert "pw" not in outcome.err
    assert {path.name for path in Path.cwd().iterdir()} <= {"home"}


PACKAGED = [name for name in list_tasks() if metric_names(name) is not None]
QUICK = {"nas_bench_graph/cora", "analog_nasbench/ptq", "digits/nasbench201", "sbm/nas_bench_graph"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in PACKAGED])
def test_names_that_are_known_early_are_those_of_the_loaded_task(name):
    try:
        task = load_task(name)
    except MissingData as error:
        pytest.skip(error.what)
    assert metric_names(name) == (task.search_metric, *task.secondary_metrics)
    assert space_of_task(name) == task.space.name


def test_names_of_a_task_file_are_known_early(tmp_path):
    (tmp_path / "space.yaml").write_text((ROOT / "search_spaces" / "nasbench201.yaml").read_text())
    (tmp_path / "task.yaml").write_text("space: space.yaml\nsearch_metric: speed\nside_metrics: [size]\n")
    task = load_task(tmp_path / "task.yaml")
    assert metric_names(tmp_path / "task.yaml") == ("speed", "size") == (task.search_metric, *task.secondary_metrics)
    assert notation_of(space_of_task(tmp_path / "task.yaml")).wiring.operations == task.space.vocabulary[2:]


def test_proxies_and_computed_metrics_that_are_known_early_are_those_there_are():
    space = load_space("nasbench201")
    assert tuple(sorted(list_proxies())) == PROXY_NAMES
    assert set(computed_metrics(space, space.to_dags(space.sample(5, seed=0)))) == {*space.costs, *GRAPH_METRICS}
    assert notation_of("nasbench201").fingerprint == space.fingerprint


@pytest.mark.data
def test_spaces_of_tasks_are_those_of_their_tables():
    assert all(space_of_task(name) == load_task(name).space.name for name in ("nasbench101/cifar10", "tpu_tiles/runtime"))


def test_packages_are_light_until_a_name_of_theirs_is_used():
    light = ["nag", "nag.core", "nag.graphs", "nag.spaces", "nag.tasks", "nag.evaluation", "nag.predictors", "nag.cli.schemas"]
    run_apart(f"import sys\nfor name in {light}: __import__(name)\nassert 'torch' not in sys.modules")


def targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [target for value in node.values() for target in targets(value)]
    return [target for value in node for target in targets(value)] if isinstance(node, list) else []


def all_targets() -> list[str]:
    files = (ROOT / "conf").rglob("*.yaml")
    return sorted({target for file in files for target in targets(yaml.safe_load(file.read_text(encoding="utf-8")))})


@pytest.mark.parametrize("target", all_targets())
def test_signatures_read_from_source_are_those_of_the_classes(target):
    read, real = annotations_of(signature_of(target)), annotations_of(locate(target))
    assert set(read) == set(real)
    for name, annotation in read.items():
        assert annotation is Any or repr(annotation) == repr(real[name])
        assert (annotation is Any) <= ("Annotated[" not in repr(real[name]) or "nag." in repr(real[name]))


@pytest.mark.parametrize(
    "target",
    [
        "nag.predictors.network.NetworkPredictor",
        "nag.predictors.AdapterPredictor",  # names what its base class takes by itself
        "nag.search.features.FeatureExtractor",
    ],
)
def test_signatures_of_base_classes_are_read_alike(target):
    read, real = annotations_of(signature_of(target)), annotations_of(locate(target))
    assert set(read) == set(real)


def test_options_of_a_typed_dict_are_read_from_its_source_and_its_bases():
    takes = annotations_of(signature_of("nag.predictors.GNNPredictor"))
    assert {"width": Width, "members": SmallCount, "chunk_size": Count, "loss": Any} == {
        name: takes[name] for name in ("width", "members", "chunk_size", "loss")
    }
    with pytest.raises(InvalidRequest, match=r"unknown option 'predictor\.membres'\. Did you mean 'members'\?"):
        conform(signature_of("nag.predictors.GNNPredictor"), {"membres": 3}, "predictor")
    with pytest.raises(InvalidRequest, match=r"generator\.width is nan"):
        conform(signature_of("nag.diffusion.ScoreGenerator"), {"width": float("nan")}, "generator")


def test_a_target_that_is_not_there_is_told():
    with pytest.raises(InvalidRequest, match="has no 'Nothing'"):
        signature_of("nag.predictors.Nothing")


def reads(space: str, kind: str) -> bool:
    """Whether the networks of a space read images, or a graph."""
    loaded = load_space(space)
    if not has_builder(loaded):
        return False
    ends = (loaded.semantics.input, loaded.semantics.output)
    operation = next(op for op in loaded.vocabulary if op not in ends)
    shape = DataShape("graph", 4, 2) if kind == "graph" else DataShape("images", 3, 2, 8, 8)
    try:
        with torch.device("meta"):
            builder_of(loaded).build(Architecture((ends[0], operation, ends[1]), ((0, 1), (1, 2))), shape, 0)
    except InvalidRequest:
        return False
    return True


def test_listed_training_tasks_are_those_whose_networks_read_the_data():
    pairs = [(data_set, space) for data_set in list_data_sets() for space in list_spaces()]
    assert set(list_training_tasks()) == {f"{data}/{space}" for data, space in pairs if reads(space, data_set_kind(data))}


def test_listed_titles_are_those_of_the_loaded_spaces():
    assert space_titles() == {name: load_space(name).title for name in list_spaces()}


def test_lazy_packages_export_what_they_say_and_no_name_of_a_module():
    for path in (ROOT / "nag").rglob("__init__.py"):
        text = path.read_text(encoding="utf-8")
        if "lazily(__name__)" in text:
            package = __import__(".".join(path.parent.relative_to(ROOT).parts), fromlist=["x"])
            assert sorted(package.__all__) == sorted(set(names_of(text)) - {"TYPE_CHECKING", "lazily"})
            assert all(getattr(package, name) is not None for name in package.__all__)
            assert not {file.stem for file in path.parent.glob("*.py")} & set(package.__all__)
            with pytest.raises(AttributeError, match="no attribute 'nothing'"):
                package.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("digits/nasbnch201", "nasbench201"),
        ("digts/nasbench201", "digits"),
        ("nas_bench_graph/coar", "nas_bench_graph/cora"),
        ("shapes/nasbnch201", "shapes/nasbench201"),
        ("nasbench201/cifar1", "nasbench201/cifar10"),
    ],
)
def test_the_part_of_a_name_that_is_wrong_is_corrected(nag, tmp_path, name, hint):
    (tmp_path / "shapes" / "a").mkdir(parents=True)
    found = nag(f"search task={name} budget=3")
    assert found.code == 2
    assert f"Did you mean '{hint}'?" in found.err
