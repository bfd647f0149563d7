import io
import pickle
import random
import struct
import zipfile
import zlib
from collections import defaultdict
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import sparse
from torch_geometric.io import read_planetoid_data

from nag.core.errors import DamagedFile, InvalidRequest, MissingData
from nag.evaluation.data_sets import Rows, list_data_sets, load_data_set, stratified_rows
from nag.evaluation.data_sets.planetoid import read_planetoid

OFFLINE = ["digits", "mnist1d", "sbm", "karate"]


def every_part(data):
    return [data.train, data.validation, data.test]


@pytest.mark.parametrize("name", OFFLINE)
def test_a_data_set_is_what_its_shape_says(name):
    data = load_data_set(name)
    assert data.name == name
    assert all(torch.isfinite(x).all() for x in data.inputs(data.train) if x.is_floating_point())
    for part in every_part(data):
        assert part.labels.dtype == torch.int64
        assert part.labels.min() >= 0
        assert part.labels.max() < data.shape.classes
        if data.shape.kind == "images":
            assert part.inputs.shape == (len(part), data.shape.channels, data.shape.height, data.shape.width)
        else:
            assert data.graph.x.shape[1] == data.shape.channels
            assert data.graph.edge_index.max() < len(data.graph.x)
    assert len(data.train.labels.unique()) == data.shape.classes
    assert data.task_features["classes"] == data.shape.classes


@pytest.mark.parametrize("name", ["digits", "sbm"])
def test_a_split_is_a_function_of_the_seed_and_loses_nothing(name):
    first, again, other = (load_data_set(name, seed) for seed in (0, 0, 1))
    assert again is first  # read once in a process
    assert other.digest != first.digest
    assert not torch.equal(other.train.inputs, first.train.inputs)
    assert other.sizes == first.sizes
    counts = [torch.cat([part.labels for part in every_part(data)]).bincount() for data in (first, other)]
    assert torch.equal(*counts)


def test_splits_are_stratified_and_disjoint():
    labels = torch.randint(7, (500,), generator=torch.Generator().manual_seed(0))
    rows = stratified_rows(labels, seed=3)
    assert torch.equal(torch.cat([rows.train, rows.validation, rows.test]).sort().values, torch.arange(500))
    for part, share in ((rows.train, 0.6), (rows.validation, 0.2), (rows.test, 0.2)):
        assert len(part) == 500 * share
        assert ((labels[part].bincount(minlength=7) - share * labels.bincount()).abs() < 1.01).all()


def test_every_class_of_two_is_trained_on():
    labels = torch.arange(40).repeat_interleave(2)
    for seed in range(5):
        assert len(labels[stratified_rows(labels, seed).train].unique()) == 40


def test_a_published_test_part_stays():
    labels = torch.arange(100) % 4
    test = torch.arange(80, 100)
    rows = stratified_rows(labels, 0, test)
    assert torch.equal(rows.test, test)
    assert (len(rows.train), len(rows.validation)) == (64, 16)
    assert rows.train.max() < 80


@pytest.mark.parametrize(
    "rows",
    [
        Rows(torch.tensor([0, 1]), torch.tensor([1]), torch.tensor([2])),
        Rows(torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([9])),
        Rows(torch.tensor([0]), torch.tensor([1]), torch.tensor([2])),
        Rows(torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([], dtype=torch.int64)),
    ],
    ids=["overlap", "outside", "one to train", "none to test"],
)
def test_impossible_splits_are_refused(rows):
    with pytest.raises(InvalidRequest):
        rows.check(torch.zeros(4), "it")


def test_images_are_normalised_by_what_is_trained_on():
    data = load_data_set("digits")
    assert data.train.inputs.mean().abs() < 1e-5
    assert abs(float(data.train.inputs.std()) - 1) < 1e-5
    assert float(data.test.inputs.mean().abs()) > 1e-5  # its own mean would be a leak
    raw = data.train.inputs * data.std[0] + data.mean[0]
    assert raw.min() >= -1e-6
    assert raw.max() <= 1 + 1e-6


def test_loading_leaves_random_states_alone():
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    for name in OFFLINE:
        load_data_set(name, seed=77)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])


def test_mnist1d_keeps_its_published_test_part():
    one, two = load_data_set("mnist1d", 0), load_data_set("mnist1d", 1)
    assert one.sizes == {"train": 3200, "validation": 800, "test": 1000}
    assert torch.equal(one.test.labels, two.test.labels)
    assert (one.shape.channels, one.shape.height, one.shape.width) == (1, 1, 40)


def test_the_generated_graph_is_undirected_and_needs_its_edges():
    data = load_data_set("sbm")
    edges = set(map(tuple, data.graph.edge_index.T.tolist()))
    assert edges == {(v, u) for u, v in edges}
    assert 0.6 < data.task_features["homophily"] < 0.75
    x, rows = data.graph.x, data.train.inputs
    centres = torch.stack([x[rows][data.train.labels == c].mean(0) for c in range(6)])
    guesses = torch.cdist(x[data.test.inputs], centres).argmin(1)
    assert 0.4 < float((guesses == data.test.labels).double().mean()) < 0.75  # features alone tell a part of it


@pytest.mark.data
@pytest.mark.parametrize(("name", "count"), [("cifar10_sample", 953), ("cifar100_sample", 957)])
def test_cifar_samples(name, count):
    data = load_data_set(name)
    assert sum(data.sizes.values()) == count
    assert data.shape.classes == (10 if name.startswith("cifar10_") else 100)
    assert data.train.inputs.shape[1:] == (3, 32, 32)
    assert data.train.inputs.mean((0, 2, 3)).abs().max() < 1e-4


def test_missing_and_damaged_samples_are_told(tmp_path, monkeypatch):
    with pytest.raises(MissingData, match=r"images\.npz"):
        load_data_set("cifar10_sample", data_dir=tmp_path)
    (tmp_path / "images.npz").write_bytes(b"other")
    with pytest.raises(DamagedFile):
        load_data_set("cifar10_sample", data_dir=tmp_path)
    monkeypatch.delenv("NAG_DATA_DIR", raising=False)
    with pytest.raises(MissingData, match="NAG_DATA_DIR"):
        load_data_set("cifar10_sample")
    assert "not available" in list_data_sets()["cifar10_sample"]
    assert list_data_sets()["digits"].endswith("(available)")


@pytest.mark.parametrize("name", ["digitz", "no/such/folder", "cifar10"])
def test_unknown_data_sets_get_a_hint(name):
    with pytest.raises(InvalidRequest) as caught:
        load_data_set(name)
    assert caught.value.hint


# -- the user's files -------------------------------------------------------------------------------------------------


def some_images(count=40, channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 6, 5, channels), dtype=np.uint8), np.arange(count) % 4


@pytest.fixture
def npz(tmp_path):
    def write(**arrays):
        path = tmp_path / "own.npz"
        np.savez(path, **arrays)
        return path

    return write


def test_an_npz_says_the_same_in_all_its_forms(npz):
    images, labels = some_images()
    bytes_ = load_data_set(npz(images=images, labels=labels))
    assert (bytes_.shape.channels, bytes_.shape.height, bytes_.shape.width) == (3, 6, 5)
    floats = (images / 255).astype(np.float32)
    for form in (floats, floats.transpose(0, 3, 1, 2)):
        data = load_data_set(npz(images=form, labels=labels.astype(np.uint8)))
        assert torch.allclose(data.train.inputs, bytes_.train.inputs, atol=1e-5)
        assert torch.equal(data.test.labels, bytes_.test.labels)


def test_grey_images_need_no_channel(npz):
    images, labels = some_images(channels=1)
    assert load_data_set(npz(images=images[..., 0], labels=labels)).train.inputs.shape[1:] == (1, 6, 5)


def test_a_changed_file_is_read_again(npz):
    images, labels = some_images()
    before = load_data_set(npz(images=images, labels=labels))
    images[0, 0, 0, 0] ^= 1
    assert load_data_set(npz(images=images, labels=labels)).digest != before.digest


def test_an_npz_may_bring_its_split(npz):
    images, labels = some_images()
    test = np.zeros(40, dtype=bool)
    test[::4] = True
    rest = np.flatnonzero(~test)
    whole = load_data_set(npz(images=images, labels=labels, train=rest[5:], validation=rest[:5], test=test))
    assert whole.sizes == {"train": 25, "validation": 5, "test": 10}
    assert torch.equal(whole.test.labels, torch.from_numpy(labels[test]))
    alone = load_data_set(npz(images=images, labels=labels, test=test))
    assert torch.equal(alone.test.labels, whole.test.labels)
    assert alone.sizes == {"train": 24, "validation": 6, "test": 10}


IMAGES, LABELS = some_images()


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES},
        {"images": IMAGES, "labels": LABELS[:-1]},
        {"images": IMAGES, "labels": LABELS / 1.0},
        {"images": IMAGES, "labels": LABELS - 1},
        {"images": IMAGES, "labels": LABELS * 0},
        {"images": IMAGES, "labels": LABELS * 1000},
        {"images": IMAGES, "labels": LABELS.astype(str)},
        {"images": IMAGES[0, 0], "labels": LABELS[:6]},
        {"images": IMAGES[:0], "labels": LABELS[:0]},
        {"images": np.array(3.0), "labels": np.array(1)},
        {"images": IMAGES.astype(np.int64), "labels": LABELS},
        {"images": np.where(IMAGES == 7, np.nan, 0.5), "labels": LABELS},
        {"images": IMAGES, "labels": LABELS, "test": np.arange(99, 102)},
        {"images": IMAGES, "labels": LABELS, "test": np.array([1.5])},
        {"images": IMAGES, "labels": LABELS, "train": np.arange(9)},
        {"images": IMAGES, "labels": LABELS, "lables": LABELS},
        {"images": IMAGES[:3], "labels": LABELS[:3]},
        {"images": IMAGES, "labels": np.array([{}] * 40, dtype=object)},
    ],
)
def test_an_npz_that_is_no_data_set_is_refused_in_one_line(npz, arrays):
    with pytest.raises((InvalidRequest, DamagedFile)) as caught:
        load_data_set(npz(**arrays))
    assert "\n" not in str(caught.value)


def test_a_damaged_npz_is_told(npz):
    path = npz(images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedFile, match=r"own\.npz"):
        load_data_set(path)
    with pytest.raises(MissingData):
        load_data_set(path.with_name("none.npz"))


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(["ant", "bee", "cat"]):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((6, 6, 3), 80 * label + i, dtype=np.uint8)
            pixels[0, 0] = (1, 2, 3)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{i}.png")
    (tmp_path / "pets" / "README.txt").write_text("no image")
    (tmp_path / "pets" / "bee" / "notes.txt").write_text("no image")
    return tmp_path / "pets"


def test_an_image_folder(folder):
    data = load_data_set(folder)
    assert data.sizes == {"train": 18, "validation": 6, "test": 6}
    assert data.shape.classes == 3
    grey = data.train.inputs[:, :, 3, 3].mean(1)
    assert torch.equal(grey.argsort().sort().values, torch.arange(18))
    means = torch.stack([grey[data.train.labels == label].mean() for label in range(3)])
    assert torch.equal(means.argsort(), torch.arange(3))  # classes are numbered by name, and the darkest is the first


def test_sizes_of_images_must_agree_or_be_given(folder):
    Image.new("RGB", (9, 7)).save(folder / "cat" / "large.jpg")
    with pytest.raises(InvalidRequest, match="9 x 7"):
        load_data_set(folder)
    assert load_data_set(folder, size=4).train.inputs.shape[1:] == (3, 4, 4)
    with pytest.raises(InvalidRequest):
        load_data_set(folder, size=0)


def test_grey_folders_have_one_channel(tmp_path):
    for name in "ab":
        (tmp_path / "grey" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (4, 4), 20 * i + ord(name)).save(tmp_path / "grey" / name / f"{i}.png")
    assert load_data_set(tmp_path / "grey").shape.channels == 1


def test_damaged_images_and_empty_classes_are_told(folder):
    good = (folder / "ant" / "0.png").read_bytes()
    for content in (b"no image at all", good[:40], b""):
        (folder / "ant" / "0.png").write_bytes(content)
        with pytest.raises(DamagedFile, match=r"0\.png") as caught:
            load_data_set(folder)
        assert "\n" not in str(caught.value)
    (folder / "ant" / "0.png").write_bytes(good)
    (folder / "dog").mkdir()
    with pytest.raises(MissingData, match="dog"):
        load_data_set(folder)


def test_a_folder_of_one_class_is_refused(tmp_path):
    (tmp_path / "one").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "one" / "a.png")
    with pytest.raises(InvalidRequest):
        load_data_set(tmp_path)


# -- citation graphs --------------------------------------------------------------------------------------------------


class Python2Pickler(pickle._Pickler):
    """Writes byte strings as Python 2 did."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, content):
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(content)

    dispatch[bytes] = save_bytes


def write_python2(path, content, protocol):
    file = io.BytesIO()
    Python2Pickler(file, protocol).dump(content)
    text = file.getvalue()
    for now, then in ((b"numpy._core.", b"numpy.core."), (b"scipy.sparse._csr\n", b"scipy.sparse.csr\n")):
        text = text.replace(now, then)
    path.write_bytes(text)


def write_planetoid(folder, which="cora", shape=(30, 7, 3), trained=6, tested=8, skipped=0, protocol=2):
    """Files of a random graph, in the published format; returns the features, the labels and the test nodes."""
    nodes, features, classes = shape
    rng = np.random.default_rng(0)
    x = (rng.random((nodes, features)) < 0.3).astype(np.float32)
    x[:, 0] = 1
    labels = rng.permutation(np.arange(nodes) % classes)
    first = nodes - tested - skipped
    test = rng.permutation(np.arange(first, nodes))[: tested + skipped]
    test = np.concatenate([[nodes - 1], test[test != nodes - 1]])[:tested]  # the last node is there
    links = defaultdict(list)
    for u, v in rng.integers(0, nodes, (3 * nodes, 2)).tolist():
        links[u].append(v)
        links[v].append(u)
    one_hot = np.eye(classes, dtype=np.int32)[labels]
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"x": slice(trained), "allx": slice(first), "tx": test}
    for part, rows in parts.items():
        write_python2(folder / f"ind.{which}.{part}", sparse.csr_matrix(x[rows]), protocol)
        write_python2(folder / f"ind.{which}.{part.replace('x', 'y')}", one_hot[rows], protocol)
    write_python2(folder / f"ind.{which}.graph", links, protocol)
    (folder / f"ind.{which}.test.index").write_text("".join(f"{node}\n" for node in test))
    return x, labels, test


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_citation_graphs_are_read_as_torch_geometric_reads_them(tmp_path, protocol):
    write_planetoid(tmp_path, shape=(700, 40, 3), trained=60, tested=100, protocol=protocol)
    found, expected = read_planetoid(tmp_path, "cora"), read_planetoid_data(str(tmp_path), "cora")
    assert torch.equal(found.x, expected.x)
    assert torch.equal(found.labels, expected.y)
    edges = [sorted(map(tuple, edge_index.T.tolist())) for edge_index in (found.edge_index, expected.edge_index)]
    assert edges[0] == edges[1]
    for part, mask in (("train", expected.train_mask), ("validation", expected.val_mask), ("test", expected.test_mask)):
        assert torch.equal(getattr(found.rows, part), mask.nonzero()[:, 0])


def test_nodes_that_the_files_leave_out_have_no_features(tmp_path):
    x, labels, test = write_planetoid(tmp_path, "citeseer", skipped=3)
    found = read_planetoid(tmp_path, "citeseer")
    missing = sorted(set(range(19, 30)) - set(test.tolist()))
    assert len(missing) == 3
    assert found.x[missing].abs().sum() == 0
    assert (found.x[test].numpy() == x[test]).all()
    assert (found.labels[test].numpy() == labels[test]).all()
    assert not set(missing) & set(torch.cat([found.rows.train, found.rows.validation, found.rows.test]).tolist())


@pytest.mark.parametrize("place", ["planetoid", ".", "Cora/raw"])
def test_citation_graphs_are_found_and_have_the_published_split(tmp_path, place):
    write_planetoid(tmp_path / place, shape=(2708, 1433, 7), trained=140, tested=1000)
    data = load_data_set("planetoid_cora", data_dir=tmp_path)
    assert data.sizes == {"train": 140, "validation": 500, "test": 1000}
    assert torch.allclose(data.graph.x.sum(1), torch.ones(2708))
    assert list_data_sets(tmp_path)["planetoid_cora"].endswith("(available)")


def test_another_graph_is_not_cora(tmp_path):
    write_planetoid(tmp_path)
    with pytest.raises(DamagedFile, match="another graph"):
        load_data_set("planetoid_cora", data_dir=tmp_path)


def test_missing_citation_graphs_are_told_with_the_way_to_get_them(tmp_path, monkeypatch):
    with pytest.raises(MissingData, match=r"github\.com.*planetoid.*NAG_DATA_DIR"):
        load_data_set("planetoid_pubmed", data_dir=tmp_path)
    monkeypatch.delenv("NAG_DATA_DIR", raising=False)
    with pytest.raises(MissingData, match=r"github\.com.*planetoid"):
        load_data_set("planetoid_pubmed")


class Malice:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("part", ["x", "ally", "graph", "tx"])
def test_citation_files_run_no_code(tmp_path, part):
    write_planetoid(tmp_path)
    name = "y" if part == "x" else part
    (tmp_path / f"ind.cora.{name}").write_bytes(pickle.dumps(Malice(tmp_path / "harm"), protocol=2))
    with pytest.raises(DamagedFile, match="foreign"):
        read_planetoid(tmp_path, "cora")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("part", ["y", "allx", "ally", "tx", "ty", "graph", "test.index"])
def test_damaged_citation_files_are_told(tmp_path, part):
    write_planetoid(tmp_path)
    path = tmp_path / f"ind.cora.{part}"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", pickle.dumps([1, 2], protocol=2), content[:20] + b"\xff" + content[21:]):
        path.write_bytes(damaged)
        if damaged == content[: len(content) // 2] and part == "test.index":
            path.write_bytes(content[: len(content) // 2] + b"x")
        with pytest.raises(DamagedFile) as caught:
            read_planetoid(tmp_path, "cora")
        assert "\n" not in str(caught.value)


def test_files_that_do_not_fit_together_are_told(tmp_path):
    write_planetoid(tmp_path)
    other = tmp_path / "other"
    write_planetoid(other, shape=(33, 9, 4), tested=9)
    for part in ("allx", "tx", "ty", "ally", "test.index"):
        path = tmp_path / f"ind.cora.{part}"
        content = path.read_bytes()
        path.write_bytes((other / path.name).read_bytes())
        with pytest.raises(DamagedFile, match="fit together"):
            read_planetoid(tmp_path, "cora")
        path.write_bytes(content)


# -- what the axes and the modes mean -----------------------------------------------------------------------------------


def some_signals(count=60, steps=50, channels=3):
    return np.random.default_rng(1).normal(size=(count, steps, channels)).astype(np.float32), np.arange(count) % 2


def test_signals_of_several_channels_are_told_from_pictures(npz):
    """(W16)"""
    signals, labels = some_signals()
    with pytest.raises(
        InvalidRequest, match="60 pictures of 50 x 3 pixels, 1 channel or 60 signals of 50 steps, 3 channels"
    ) as caught:
        load_data_set(npz(images=signals, labels=labels))
    assert "NWC" in caught.value.hint
    as_signals = load_data_set(npz(images=signals, labels=labels), layout="NWC")
    assert as_signals.summary == "60 signals of 50 steps, 3 channels, 2 classes; 36 to train, 12 to validate, 12 to test"
    assert as_signals.shape.channels == 3
    turned = load_data_set(npz(images=signals.transpose(0, 2, 1), labels=labels, layout="NCW"))
    assert torch.equal(turned.train.inputs, as_signals.train.inputs)
    pictures = load_data_set(npz(images=signals, labels=labels, layout=np.array("NHW")))
    assert (pictures.shape.channels, pictures.shape.height, pictures.shape.width) == (1, 50, 3)
    flat = load_data_set(npz(images=signals[..., 0], labels=labels), layout="NW")
    assert torch.equal(flat.train.inputs[:, 0], as_signals.train.inputs[:, 0])


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((9, 6, 5, 3), (3, 6, 5)),
        ((9, 3, 6, 5), (3, 6, 5)),
        ((9, 8, 8, 5), (5, 8, 8)),
        ((9, 5, 8, 8), (5, 8, 8)),
        ((9, 8, 9), (1, 8, 9)),
        ((9, 3, 5, 4), None),
        ((9, 6, 5, 7), None),
        ((9, 3, 50), None),
        ((9, 50), None),
        ((9, 2, 2, 2, 2), None),
    ],
)
def test_a_shape_is_read_in_the_one_way_it_leaves_or_refused(npz, shape, found):
    images, labels = np.random.default_rng(0).random(shape), np.arange(9) % 2
    if found is None:
        with pytest.raises(InvalidRequest) as caught:
            load_data_set(npz(images=images, labels=labels))
        assert caught.value.hint
    else:
        shape_found = load_data_set(npz(images=images, labels=labels)).shape
        assert (shape_found.channels, shape_found.height, shape_found.width) == found


@pytest.mark.parametrize("layout", ["NHWC", "nwc", "", "WNC"])
def test_a_layout_that_does_not_fit_is_refused(npz, layout):
    signals, labels = some_signals()
    with pytest.raises(InvalidRequest, match="layout"):
        load_data_set(npz(images=signals, labels=labels, layout=layout))


@pytest.fixture
def pictures(tmp_path):
    """Writes the same ramps by a function of (values in 0..1, path); gives the data set that is read."""

    def write(name, save, ending, **options):
        for label in range(2):
            (tmp_path / name / str(label)).mkdir(parents=True)
            for i in range(6):
                values = (np.arange(36).reshape(6, 6) / 35 + i / 6 + label / 12) % 1
                save(values, tmp_path / name / str(label) / f"{i}.{ending}")
        return load_data_set(tmp_path / name, **options)

    return write


def grey8(values, path):
    Image.fromarray((values * 255).round().astype(np.uint8)).save(path)


def grey16(values, path):
    Image.fromarray((values * 65535).round().astype(np.uint16)).save(path)


def floats(values, path):
    Image.fromarray(values.astype(np.float32)).save(path)


def palette(values, path):
    Image.fromarray((values * 255).round().astype(np.uint8)).convert("P").save(path)


def opaque(values, path):
    Image.fromarray((values * 255).round().astype(np.uint8)).convert("RGBA").save(path)


def inks(values, path):
    Image.fromarray((values * 255).round().astype(np.uint8)).convert("RGB").convert("CMYK").save(path)


@pytest.mark.parametrize(
    ("save", "ending"),
    [(grey16, "png"), (grey16, "tiff"), (floats, "tiff"), (palette, "png"), (palette, "gif"), (opaque, "png"), (inks, "tiff")],
)
@pytest.mark.parametrize("size", [None, 5])
def test_pictures_are_read_by_their_mode(pictures, save, ending, size):
    """(W19) The same picture is the same whatever it is stored as."""
    usual, other = pictures("usual", grey8, "png", size=size), pictures("other", save, ending, size=size)
    assert other.shape == usual.shape
    assert other.shape.channels == 1
    assert (other.train.inputs - usual.train.inputs).abs().max() < 0.1
    assert abs(other.mean[0] - usual.mean[0]) < 0.01


def test_transparency_is_a_channel_of_its_own(pictures):
    def half(values, path):
        image = Image.fromarray((values * 255).round().astype(np.uint8)).convert("RGBA")
        image.putalpha(Image.fromarray((values.T * 255).round().astype(np.uint8)))
        image.save(path)

    found, usual = pictures("half", half, "png"), pictures("usual", grey8, "png")
    assert found.shape.channels == 2
    assert torch.allclose(found.train.inputs[:, 0], usual.train.inputs[:, 0])
    assert torch.allclose(found.train.inputs[:, 1], usual.train.inputs[:, 0].transpose(1, 2), atol=1e-5)


def test_images_that_are_all_the_same_are_refused(npz, tmp_path):
    with pytest.raises(InvalidRequest, match="all images are the same"):
        load_data_set(npz(images=np.repeat(IMAGES[:1], 40, 0), labels=LABELS))


def test_pictures_of_enormous_size_are_refused_before_they_are_decoded(folder):
    """(S4)"""
    content = zlib.compress(b"\0" * 1000)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0)), (b"IDAT", content), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    (folder / "ant" / "0.png").write_bytes(png)
    with pytest.raises(DamagedFile, match="13000 x 13000 pixels") as caught:
        load_data_set(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(10**12, 32, 32, 3), (10**6, 10**6), (2**62,), (-1, 8, 8)])
def test_an_npz_header_that_claims_more_than_the_file_is_refused(tmp_path, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    entry = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + b"\0" * 64
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("images.npy", entry)
        archive.writestr("labels.npy", entry)
    with pytest.raises(DamagedFile) as caught:
        load_data_set(tmp_path / "huge.npz")
    assert len(str(caught.value)) < 500
