import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from nag.core.errors import InvalidArchitecture, InvalidRequest, MissingData
from nag.evaluation.data_sets import load_data_set
from nag.evaluation.networks.augmentation import crop_flip
from nag.evaluation.networks.fit_network import batch_rows, measure_network
from nag.evaluation.networks.network_training import NetworkTraining, suggested_training
from nag.evaluation.trials.training_trial import TrainingTrial
from nag.graphs import Architecture
from nag.networks import NASBench201Builder, NASBenchGraphBuilder
from nag.spaces import load_space

SPACE = load_space("nasbench201")
GOOD = SPACE.decode("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")
TWIN = SPACE.decode("|none~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|")  # of CHAIN
CHAIN = SPACE.decode("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_3x3~1|none~2|")
DEAD = SPACE.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
BUILDER = NASBench201Builder(channels=4, cells_per_stage=1)
FAST = NetworkTraining(epochs=3, batch_size=16, device="cpu")


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """Images with a bright row or a bright column, in noise: easy to learn, but not from a mean."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    images = rng.normal(0, 0.3, (160, 1, 8, 8)).astype(np.float32)
    for image, label, place in zip(images, labels, rng.integers(0, 8, 160), strict=True):
        if label:
            image[0, place, :] += 1
        else:
            image[0, :, place] += 1
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def trial(bars):
    return TrainingTrial(SPACE, str(bars), BUILDER, FAST)


def same(one, two):
    """Whether measurements agree in all but the time that they took."""
    without = [[{k: v for k, v in row.items() if k != "cpu_seconds"} for row in m.curve] for m in (one, two)]
    return (one.search_value, one.report_value, one.side) == (two.search_value, two.report_value, two.side) and (
        without[0] == without[1]
    )


def test_training_learns_and_a_network_without_a_path_does_not(trial):
    trial = replace(trial, options=replace(FAST, epochs=8))
    found = trial.run(GOOD, 0)
    assert found.search_value > 90
    assert found.report_value > 90
    assert trial.run(DEAD, 0).report_value < 70


def test_the_curve_says_what_happened(trial):
    shares = []
    found = trial.run(GOOD, 1, shares.append)
    assert [row["epoch"] for row in found.curve] == [1, 2, 3]
    assert found.epochs == 3
    assert set(found.curve[0]) == {
        "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "cpu_seconds",
    }  # fmt: skip
    assert found.curve[-1]["validation_accuracy"] == found.search_value
    assert found.curve[0]["train_loss"] > found.curve[-1]["train_loss"]
    assert 0 < found.curve[0]["cpu_seconds"] <= found.curve[-1]["cpu_seconds"] <= found.cpu_seconds
    assert found.gpu_seconds == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) >= 3
    for row in found.curve:
        assert 0 <= row["validation_accuracy"] <= 100
        assert row["validation_accuracy"] * 32 / 100 == pytest.approx(round(row["validation_accuracy"] * 32 / 100))


def test_a_result_is_a_function_of_architecture_and_seed(trial):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = trial.run(GOOD, 7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    np.random.seed(6)
    assert same(trial.run(GOOD, 7), first)
    assert not same(trial.run(GOOD, 8), first)


def test_augmented_training_is_a_function_of_the_seed_too(trial):
    trial = replace(trial, options=replace(FAST, augmentation="crop_flip", padding=1, label_smoothing=0.1, optimizer="adamw"))
    assert same(trial.run(GOOD, 0), trial.run(GOOD, 0))


def test_a_trial_survives_pickling(trial):
    again = pickle.loads(pickle.dumps(trial))
    assert again == trial
    assert again.fingerprint == trial.fingerprint
    assert len(pickle.dumps(trial)) < 20_000
    assert same(again.run(GOOD, 0), trial.run(GOOD, 0))


def test_a_fingerprint_covers_what_results_depend_on(trial, bars, tmp_path):
    changed = [
        replace(trial, options=replace(FAST, **{option: value}))
        for option, value in {
            "epochs": 4, "batch_size": 17, "learning_rate": 0.2, "optimizer": "adamw", "momentum": 0.8, "weight_decay": 0.0,
            "label_smoothing": 0.1, "schedule": "constant", "warmup": 0.2, "augmentation": "crop_flip", "padding": 1,
            "gradient_clip": 1.0, "precision": "bf16-mixed",
        }.items()
    ]  # fmt: skip
    with np.load(bars) as file:
        np.savez(tmp_path / "bars.npz", images=file["images"] + np.float32(1e-3), labels=file["labels"])
    changed += [
        replace(trial, builder=NASBench201Builder(8, 1)),
        replace(trial, space=load_space("nasbench101")),
        replace(trial, data_set=str(tmp_path / "bars.npz")),
        replace(trial, data_set="digits"),
        replace(trial, split_seed=1),
        trial,
    ]
    assert len({one.fingerprint for one in changed}) == len(changed)


def test_a_fingerprint_covers_nothing_else(trial, bars, tmp_path):
    (tmp_path / "bars.npz").write_bytes(bars.read_bytes())
    for same_one in (
        replace(trial, weights_folder=tmp_path),
        replace(trial, data_dir=tmp_path),
        replace(trial, data_set=str(tmp_path / "bars.npz")),
        replace(trial, options=replace(FAST, device="auto", compile=True)),
        replace(trial, options=replace(FAST, gradient_clip=5)),
    ):
        assert same_one.fingerprint == trial.fingerprint


def test_nothing_given_means_what_suits(trial):
    plain = TrainingTrial(SPACE, "digits")
    assert plain.used_options == suggested_training(plain.load_data().shape)
    assert plain.fingerprint == TrainingTrial(SPACE, "digits", NASBench201Builder(), NetworkTraining()).fingerprint
    graph = TrainingTrial(load_space("nas_bench_graph"), "karate")
    assert graph.used_options.epochs > plain.used_options.epochs
    with pytest.raises(InvalidRequest, match="tpu_tiles"):
        _ = TrainingTrial(load_space("tpu_tiles"), "digits").fingerprint


def test_weights_are_kept_and_repeat_the_accuracy(trial, tmp_path):
    trial = replace(trial, weights_folder=tmp_path / "weights")
    found = trial.run(GOOD, 3)
    canonical_hash = SPACE.canonical_hashes(SPACE.to_dags([GOOD]))[0]
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [f"{canonical_hash}-3.safetensors"]
    network, data = trial.trained_network(GOOD, 3), trial.load_data()
    loss, accuracy = measure_network(network, data, data.test).tolist()
    assert accuracy == found.report_value
    assert loss == found.side["test_loss"]
    assert sum(p.numel() for p in network.parameters()) == found.side["params"]


def test_weights_of_another_kind_are_not_taken(trial, tmp_path):
    trial = replace(trial, weights_folder=tmp_path, options=replace(FAST, epochs=1))
    with pytest.raises(MissingData):
        trial.trained_network(CHAIN, 0)
    trial.run(CHAIN, 0)
    assert trial.weights_path(TWIN, 0) == trial.weights_path(CHAIN, 0)
    with pytest.raises(InvalidRequest, match="twin"):
        trial.trained_network(TWIN, 0)
    with pytest.raises(InvalidRequest, match="another way"):
        replace(trial, split_seed=1).trained_network(CHAIN, 0)
    with pytest.raises(MissingData):
        replace(trial, weights_folder=None).trained_network(CHAIN, 0)


def test_a_diverging_training_ends_early_and_has_no_value(trial, tmp_path):
    rates = {"learning_rate": 1000.0, "weight_decay": 1000.0}  # each step multiplies the weights by a million
    wild = NetworkTraining(epochs=20, batch_size=4, warmup=0, gradient_clip=0, device="cpu", **rates)
    found = replace(trial, options=wild, weights_folder=tmp_path / "none").run(GOOD, 0)
    assert math.isnan(found.search_value)
    assert found.report_value is None
    assert found.epochs < 20
    assert not (tmp_path / "none").exists()


def test_an_interrupted_training_leaves_the_random_state_and_no_weights(trial, tmp_path):
    class Stop(Exception):
        pass

    def stop(share):
        raise Stop

    state = torch.get_rng_state()
    with pytest.raises(Stop):
        replace(trial, weights_folder=tmp_path / "none").run(GOOD, 0, stop)
    assert torch.equal(torch.get_rng_state(), state)
    assert not (tmp_path / "none").exists()


def test_mixed_precision_trains(trial):
    found = replace(trial, options=replace(FAST, precision="bf16-mixed", epochs=6)).run(GOOD, 0)
    assert found.report_value > 70


def test_architectures_of_another_space_are_refused(trial):
    with pytest.raises(InvalidArchitecture):
        trial.run(Architecture(("input", "output"), ((0, 1),)), 0)
    with pytest.raises(InvalidRequest):
        replace(trial, data_set="karate").run(GOOD, 0)


@pytest.mark.parametrize("count", [2, 3, 16, 17, 32, 33, 160, 161])
@pytest.mark.parametrize("batch_size", [2, 16, 1000])
def test_batches_hold_every_image_once_and_never_one_alone(count, batch_size):
    batches = [list(range(count))[rows] for rows in batch_rows(count, batch_size)]
    assert [row for batch in batches for row in batch] == list(range(count))
    assert all(2 <= len(batch) <= batch_size + 1 for batch in batches)


def test_a_last_batch_of_one_does_not_stop_training(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(25, 1, 4, 4)).astype(np.float32), np.arange(25) % 2
    np.savez(tmp_path / "few.npz", images=images, labels=labels)
    options = NetworkTraining(epochs=1, batch_size=2, device="cpu")  # 15 to train; 4 x 4 becomes 1 x 1
    found = TrainingTrial(SPACE, str(tmp_path / "few.npz"), BUILDER, options).run(GOOD, 0)
    assert 0 <= found.search_value <= 100


# -- graphs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_graph():
    options = NetworkTraining(epochs=15, optimizer="adamw", learning_rate=0.01, device="cpu")
    return TrainingTrial(load_space("nas_bench_graph"), "sbm", NASBenchGraphBuilder(hidden=16), options)


CHAIN_OF_LAYERS = Architecture(
    ("input", "gcn", "sage", "gat", "fc", "output"), ((0, 1), (1, 2), (1, 3), (0, 4), (2, 5), (3, 5), (4, 5))
)


def test_node_classification_learns_and_repeats_itself(on_graph):
    state = torch.get_rng_state()
    found = on_graph.run(CHAIN_OF_LAYERS, 0)
    assert found.report_value > 60  # chance is 17
    torch.manual_seed(99)
    assert same(on_graph.run(CHAIN_OF_LAYERS, 0), found)  # dropout included
    torch.set_rng_state(state)
    assert len(found.curve) == 15


def test_only_labels_that_are_trained_on_are_learned_from(on_graph):
    data = on_graph.load_data()
    assert not set(data.train.inputs.tolist()) & set(data.test.inputs.tolist())
    logits = torch.randn(len(data.graph.x), 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(data.logits_of(data.test, logits), logits[data.test.inputs])


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0), ("epochs", 1.5), ("epochs", True), ("batch_size", 1), ("learning_rate", 0), ("learning_rate", math.nan),
        ("learning_rate", math.inf), ("learning_rate", "fast"), ("optimizer", "sdg"), ("momentum", 1), ("momentum", -0.1),
        ("weight_decay", -1), ("label_smoothing", 1.0), ("schedule", "cosin"), ("warmup", 1), ("augmentation", "flip"),
        ("padding", -1), ("gradient_clip", -1), ("gradient_clip", math.nan), ("precision", "8"), ("compile", "yes"),
        ("device", "tpu"), ("device", "cpu:1"), ("device", "cuda:x"),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(option, value):
    with pytest.raises(InvalidRequest) as caught:
        NetworkTraining(**{option: value})
    assert option in str(caught.value)
    assert caught.value.hint


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_told():
    with pytest.raises(InvalidRequest, match="cuda"):
        NetworkTraining(device="cuda").make_fabric()


def test_the_learning_rate_rises_then_falls_to_nothing():
    options = NetworkTraining(learning_rate=0.5, warmup=0.2)
    rates = [options.rate(step, 100) for step in range(100)]
    peak = rates.index(max(rates))
    assert 15 <= peak <= 20
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[0] == pytest.approx(0.5 / 20)
    assert rates[-1] < 0.001
    flat = NetworkTraining(schedule="constant", warmup=0)
    assert {flat.rate(step, 10) for step in range(10)} == {flat.learning_rate}


def test_training_shows_the_schedule(trial):
    rates = [row["learning_rate"] for row in trial.run(GOOD, 0).curve]
    assert rates == [FAST.rate(6 * epoch - 1, 18) for epoch in (1, 2, 3)]


# -- augmentation -----------------------------------------------------------------------------------------------------


def test_without_shifts_images_are_mirrored_or_not():
    images = torch.arange(64 * 2 * 3 * 4.0).view(64, 2, 3, 4)
    found = crop_flip(images, 0, torch.Generator().manual_seed(0))
    kept, mirrored = ((found == other).flatten(1).all(1) for other in (images, images.flip(-1)))
    assert (kept ^ mirrored).all()
    assert 16 < kept.sum() < 48


@pytest.mark.parametrize("height", [1, 5])
def test_each_image_is_shifted_on_its_own(height):
    images = torch.rand(200, 1, height, 6, generator=torch.Generator().manual_seed(1)) + 1
    padding, up = 2, 2 if height > 1 else 0
    found = crop_flip(images, padding, torch.Generator().manual_seed(2))
    padded = torch.nn.functional.pad(images, (padding, padding, up, up))
    matches = torch.zeros(200, dtype=torch.int64)
    seen = set()
    for top in range(2 * up + 1):
        for left in range(2 * padding + 1):
            crop = padded[:, :, top : top + height, left : left + 6]
            for other in (crop, crop.flip(-1)):
                match = (found == other).flatten(1).all(1)
                matches += match
                if match.any():
                    seen.add((top, left))
    assert (matches >= 1).all()
    assert len(seen) == (2 * up + 1) * (2 * padding + 1)


@pytest.mark.slow
def test_good_cells_read_digits():
    found = TrainingTrial(SPACE, "digits", NASBench201Builder(8, 1)).run(GOOD, 0)
    assert found.report_value > 95


def test_data_are_shared_by_trials_of_a_process(trial):
    assert replace(trial, options=None).load_data() is trial.load_data()
    assert load_data_set(trial.data_set) is trial.load_data()


def test_a_fingerprint_tells_the_kind_of_device_and_the_precision_that_auto_stands_for():
    """(L1) What a GPU found in bf16 is not what a CPU finds."""
    here, auto = (NetworkTraining(device=device).fingerprint for device in ("cpu", "auto"))
    assert NetworkTraining(device="cuda").fingerprint == NetworkTraining(device="cuda:1").fingerprint != here
    if not torch.cuda.is_available():
        assert auto == here
        assert NetworkTraining(precision="32-true").fingerprint == here
