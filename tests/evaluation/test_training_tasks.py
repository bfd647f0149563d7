import numpy as np
import pytest

from nag.core.errors import DamagedFile, InvalidRequest, InvalidSpace, MissingData, NagError
from nag.evaluation.networks.training_tasks import load_training_task
from nag.evaluation.task_names import is_training_task, list_training_tasks
from nag.tasks import list_tasks


@pytest.fixture
def own(tmp_path):
    """A folder with data, a space and a task file of a user."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", images=rng.random((20, 1, 6, 6)), labels=np.arange(20) % 2)
    (tmp_path / "small.yaml").write_text("name: small\noperations: {conv: parametric}\nnodes: 4\nedges: free\n")

    def write(text, name="task.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_task_is_a_data_set_and_a_space():
    task = load_training_task("digits/nasbench201")
    assert task.name == "digits/nasbench201"
    assert task.space.name == "nasbench201"
    assert task.networks.data_set == "digits"
    assert (task.search_metric, task.report_metric, task.maximise) == ("validation_accuracy", "test_accuracy", True)
    assert task.task_features == {"images": 1797, "classes": 10, "channels": 1, "height": 8, "width": 8}
    assert not task.searches_reported_metric
    assert "validation_accuracy" in task.protocol
    assert "test_accuracy" in task.protocol
    assert "higher is better" in task.protocol


def test_every_listed_task_is_one_and_none_is_a_table():
    listed = list_training_tasks()
    assert {"digits/nasbench201", "digits/nasbench101", "mnist1d/nasbench201", "sbm/nas_bench_graph"} <= set(listed)
    assert "sbm/nasbench201" not in listed
    assert "digits/nas_bench_graph" not in listed
    assert not set(listed) & set(list_tasks())
    assert all(is_training_task(name) for name in listed)
    assert not any(is_training_task(name) for name in list_tasks())
    assert all(("(available)" in note) != ("(not available" in note) for note in listed.values())


@pytest.mark.parametrize("name", ["sbm/nas_bench_graph", "karate/nas_bench_graph", "digits/nasbench101"])
def test_listed_tasks_load(name):
    assert load_training_task(name).name == name


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("digitz/nasbench201", InvalidRequest, "digits"),
        ("digits/nasbench2O1", InvalidSpace, "nasbench201"),
        ("digits", InvalidRequest, "digits/"),
        ("digits/", InvalidRequest, "digits/"),
        ("", InvalidRequest, ""),
        ("sbm/nasbench201", InvalidRequest, "digits/nasbench201"),
        ("digits/nas_bench_graph", InvalidRequest, "sbm/nas_bench_graph"),
        ("digits/none.yaml", InvalidSpace, "path"),
        ("none.npz/nasbench201", MissingData, "path"),
        ("no/such/folder/nasbench201", InvalidRequest, "path"),
        ("none.yaml", MissingData, "path"),
    ],
)
def test_mistakes_get_a_hint(name, error, hint):
    with pytest.raises(error) as caught:
        load_training_task(name)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


def test_missing_data_are_told_before_any_work(tmp_path):
    with pytest.raises(MissingData, match=r"github\.com"):
        load_training_task("planetoid_cora/nas_bench_graph", tmp_path)
    assert "not available" in list_training_tasks(tmp_path)["planetoid_cora/nas_bench_graph"]


def test_paths_of_data_and_of_a_space(own, tmp_path):
    task = load_training_task(f"{tmp_path}/own.npz/nasbench201")
    assert task.task_features["images"] == 20
    assert load_training_task(f"digits/{tmp_path}/small.yaml").space.name == "small"
    both = load_training_task(f"{tmp_path}/own.npz/{tmp_path}/small.yaml")
    assert (both.space.name, both.task_features["height"]) == ("small", 6)


def test_a_folder_that_happens_to_be_there_makes_no_task(tmp_path, monkeypatch):
    (tmp_path / "nasbench201").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_training_task("nasbench201/cifar10")


def test_a_task_file(own, tmp_path, monkeypatch):
    path = own("data: own.npz\nspace: small.yaml\nname: mine\ndescriptor: {images: 20, price: 1.5}\n")
    assert is_training_task(path)
    monkeypatch.chdir("/")
    task = load_training_task(path)
    assert (task.name, task.space.name) == ("mine", "small")
    assert task.networks.data_set == str(tmp_path / "own.npz")
    assert task.task_features == {"images": 20, "price": 1.5}
    plain = load_training_task(own("data: digits\nspace: nasbench201\n"))
    assert (plain.name, plain.networks.data_set) == ("task", "digits")
    assert plain.task_features["images"] == 1797


def test_a_relative_path_holds_wherever_the_worker_runs(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_training_task("own.npz/nasbench201").networks.data_set == str(tmp_path / "own.npz")


def test_table_files_are_no_training_tasks(own):
    assert not is_training_task(own("table: a.csv\nspace: nasbench201\nsearch_metric: a\n"))
    assert not is_training_task(own("[1, 2]"))
    assert not is_training_task(own("{"))
    assert not is_training_task("none.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "data: digits",
        "space: nasbench201\ndata: ''",
        "data: 3\nspace: nasbench201",
        "data: digits\nspace: nasbench201\nsize: true",
        "data: digits\nspace: nasbench201\nsize: big",
        "data: digits\nspace: nasbench201\ndescriptor: {a: b}",
        "data: digits\nspace: nasbench201\nspaces: 1",
        "data: digitz\nspace: nasbench201",
        "data: none.npz\nspace: nasbench201",
        "data: digits\nspace: none.yaml",
        "data: sbm\nspace: nasbench201",
    ],
)
def test_faults_of_a_task_file_are_told_in_one_line(own, text):
    with pytest.raises(NagError) as caught:
        load_training_task(own(text))
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    if text in {"{", "[1]"} or "descriptor" in text:
        assert isinstance(caught.value, DamagedFile)
