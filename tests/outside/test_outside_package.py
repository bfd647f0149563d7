"""A package outside the repository adds one of each kind; it keeps the contracts, and every command works with it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from nag import load, load_task
from nag.core.errors import InvalidRequest
from nag.core.plugins import _installed

PACKAGE = Path(__file__).parent / "package"
BUILDABLE = bool(importlib.util.find_spec("pip") and importlib.util.find_spec("setuptools"))
QUIET = "tracker.mode=disabled tracker.console=false"
SPACE = "search_space=outside_nag.spaces:pixels"


def installed(folder: Path) -> Path:
    """A folder of packages with this one in it: installed by pip where there is one, else by hand."""
    source, site = folder / "source", folder / "site"
    shutil.copytree(PACKAGE, source)
    if BUILDABLE:
        offline = "--no-index --no-deps --no-build-isolation --disable-pip-version-check"
        words = f"-m pip install -q {offline} --target {site} {source}"
        subprocess.run([sys.executable, *words.split()], check=True)
        return site
    shutil.copytree(source / "outside_nag", site / "outside_nag")
    metadata = site / "outside_nag-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-nag\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[nag.plugins]\noutside = outside_nag\n")
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The installation, on the path of this process."""
    folder = installed(tmp_path_factory.mktemp("outside"))
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    _installed.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "outside_nag"]:
        del sys.modules[name]
    _installed.cache_clear()


@pytest.fixture(scope="module")
def work(site, tmp_path_factory):
    """A folder with what the commands made of the package."""
    from nag.spaces import enumerate_space, load_space

    folder = tmp_path_factory.mktemp("work")
    space, rng = load_space("outside_nag.spaces:pixels"), np.random.default_rng(0)
    rows = [
        f'"{space.encode(arch)}",{80 + 3 * arch.ops.count("blur") + rng.normal(0, 0.2):.3f}'
        for arch in space.to_architectures(enumerate_space(space))
    ]
    (folder / "table.csv").write_text("\n".join(["arch,accuracy", *rows]) + "\n")
    (folder / "few.csv").write_text("\n".join(["arch,accuracy", *rows[::20]]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            f"import-table csv=table.csv {SPACE} search_metric=accuracy out_dir=task",
            f"train-generator {SPACE} generator=outside_nag.models:MarginalGenerator training.max_steps=20"
            " generator.schedule._target_=outside_nag.models:HalfSchedule metric_samples=8 out_dir=g",
            "train-predictor task=task/task.yaml num_train=30 predictor=outside_nag.models:CountPredictor out_dir=p",
        ):
            call(patch, line)
    return folder


def call(patch: pytest.MonkeyPatch, line: str) -> None:
    """Runs a command of the console script."""
    from nag.cli import main

    quiet = "" if line.startswith("show") else QUIET
    patch.setattr(sys, "argv", ["nag", *shlex.split(f"{line} {quiet}")])
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise AssertionError(line) from stop


@pytest.fixture
def nag(work, monkeypatch):
    """Runs commands in the folder."""
    monkeypatch.chdir(work)
    return lambda line: call(monkeypatch, line)


def metrics(folder: str) -> dict:
    return json.loads(Path(folder, "metrics.json").read_text())


@pytest.mark.skipif(not BUILDABLE, reason="pip and setuptools are not installed")
def test_the_package_is_built_and_installed_by_pip(site):
    installer = site / "outside_nag-1.0.dist-info" / "INSTALLER"
    assert installer.read_text().strip() == "pip"
    assert [point.value for point in distribution("outside-nag").entry_points] == ["outside_nag"]


def test_the_models_are_loaded_by_their_classes(work):
    from nag.spaces import load_model

    generator, predictor = (load_model(work / file) for file in ("g/generator.safetensors", "p/predictor.safetensors"))
    assert [type(model).__module__ for model in (generator, predictor)] == ["outside_nag.models"] * 2
    assert type(generator.schedule).__name__ == "HalfSchedule"
    assert predictor.config() == {"shrinkage": {"class": "outside_nag.models:Ridge", "config": {"strength": 1.0}}, "seed": 0}


def test_a_package_that_is_not_installed_has_to_be_allowed(work, monkeypatch):
    from nag.spaces import load_model

    monkeypatch.setattr("nag.core.plugins._installed", tuple)
    with pytest.raises(InvalidRequest, match=r"plugins=\[outside_nag\]"):
        load_model(work / "g" / "generator.safetensors")
    assert load_model(work / "g" / "generator.safetensors", plugins=["outside_nag"])


def test_samples_are_guided(nag):
    nag("sample generator=g/generator.safetensors predictor=p/predictor.safetensors task=task/task.yaml num_samples=8"
        " guidance=outside_nag.searching:best_of_several guidance.draws=6 out_dir=s")  # fmt: skip
    assert 0 < len(Path("s/architectures.jsonl").read_text().splitlines()) <= 8
    nag("evaluate architectures=s/architectures.jsonl task=task/task.yaml evaluator=outside_nag.searching:count_blurs"
        " out_dir=e")  # fmt: skip
    assert Path("e/metrics.json").is_file()


def test_a_search_trains_networks_on_the_data_set(nag):
    nag("search task=outside_nag.data:stripes/outside_nag.spaces:pixels strategy=outside_nag.searching:FewestNodes budget=2"
        " evaluator=train evaluator.epochs=1 executor.workers=1 out_dir=t")  # fmt: skip
    found = metrics("t")
    assert found["queries"] == 2
    assert found["best_arch"]
    nag("export t out_dir=x")  # the trained network, by the builder that its checkpoint names


def test_a_search_asks_the_evaluator(nag):
    nag("search task=task/task.yaml strategy=outside_nag.searching:FewestNodes budget=6"
        " evaluator=outside_nag.searching:count_blurs out_dir=c")  # fmt: skip
    assert metrics("c")["queries"] == 6
    nag(f"show '{metrics('c')['best_arch']}' {SPACE}")


def test_a_file_with_neighbours_is_a_plug_in_too(nag, capsys):
    Path("code").mkdir()
    Path("code/base.py").write_text("from outside_nag.models import CountPredictor as Base\n")
    Path("code/mine.py").write_text("from base import Base\n\n\nclass Mine(Base):\n    pass\n")
    nag("train-predictor task=task/task.yaml num_train=10 predictor=code/mine.py:Mine out_dir=n")
    line = "sample generator=g/generator.safetensors predictor=n/predictor.safetensors num_samples=2 guidance=none out_dir=m"
    with pytest.raises(AssertionError):
        nag(line)
    assert "plugins=[PATH/mine.py]" in capsys.readouterr().err
    nag(f"{line} plugins=[code/mine.py]")


def test_a_predictor_is_trained_across_tasks(nag):
    for name in ("first", "second", "unseen"):
        nag(f"import-table csv=few.csv {SPACE} search_metric=accuracy name={name} out_dir={name}")
    nag("train-meta-predictor tasks=[first/task.yaml,second/task.yaml] predictor=outside_nag.models:RankedCounts out_dir=a")
    nag("sample generator=g/generator.safetensors meta_predictor=a/meta_predictor.safetensors labels=few.csv"
        " task=unseen/task.yaml num_samples=4 guidance=outside_nag.searching:best_of_several out_dir=b")  # fmt: skip
    meta = load("a/meta_predictor.safetensors")
    assert [type(source).__name__ for source in meta.meta.sources] == ["RankedCounts"] * 2
    task = load_task("unseen/task.yaml")
    known = task.space.to_architectures(task.table.dags)
    assert float(meta.adapt(task, task.measure(known)).predict(known).mean.mean()) > 80


def test_a_predictor_is_trained_on_labels_of_ones_own(nag):
    nag("train-predictor task=task/task.yaml labels=few.csv predictor=outside_nag.models:RankedCounts out_dir=o")
    assert metrics("o")["labels_used"] > 30


@pytest.mark.slow
def test_the_other_commands_work_too(nag):
    nag("search task=outside_nag.data:stripes/outside_nag.spaces:pixels strategy=random budget=3 evaluator=proxy"
        " evaluator.proxy=outside_nag.searching:sharpness executor.workers=1 out_dir=z")  # fmt: skip
    nag("quickstart task=task/task.yaml num_train=20 num_samples=6 generator=outside_nag.models:MarginalGenerator"
        " training.max_steps=10 predictor=outside_nag.models:CountPredictor"
        " guidance=outside_nag.searching:best_of_several out_dir=q")  # fmt: skip
    nag(f"train-generator {SPACE} training.max_steps=10 generator.width=8 generator.layers=1 metric_samples=8 out_dir=d")
    nag("finetune-generator generator=d/generator.safetensors predictor=p/predictor.safetensors metric_samples=4"
        " finetuning.rounds=2 finetuning.batch_size=8 out_dir=f")  # fmt: skip
    nag("report runs=[g,p,q,z] out_dir=r")


@pytest.mark.slow
def test_the_package_keeps_the_contracts(site, tmp_path):
    shutil.copy(PACKAGE / "contracts.py", tmp_path / "test_contracts.py")
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    found = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-3000:]
