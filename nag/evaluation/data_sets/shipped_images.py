"""Image data sets that come with installed packages or lie in the data folder."""

from __future__ import annotations

import importlib
import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from nag.core.data_files import checked_file
from nag.core.packages import require
from nag.evaluation.data_sets.data_set import DataSet
from nag.evaluation.data_sets.images import image_data_set
from nag.evaluation.data_sets.layouts import in_order
from nag.evaluation.data_sets.places import IMAGES, find_images
from nag.evaluation.data_sets.splitting import stratified_rows

__all__ = ["load_cifar_sample", "load_digits", "load_mnist1d"]

_SHA256 = "166f1b3ec8d48322fa8705a374b053871f4947cc1cf84fa5f08e1614508db2d0"
_CIFAR_CLASSES = {"cifar10": 10, "cifar100": 100}
_DECIMALS = 4


def load_digits(seed: int) -> DataSet:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn (Alpaydin and Kaynak 1998).

    1,078 to train, 360 to validate, 359 to test.
    """
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    return image_data_set("digits", images.reshape(-1, 1, 8, 8).astype(np.float32) / 16, labels, seed)


def load_mnist1d(seed: int) -> DataSet:
    """MNIST-1D (Greydanus and Kobak, ICML 2024): 5,000 signals of 40 numbers in 10 classes, made by the package mnist1d.

    3,200 to train, 800 to validate, and the published 1,000 to test. The signals are images of height 1. Generated with
    the published seed, in some 2 seconds; numpy's global random state is as before afterwards.

    Raises:
        MissingData: The package is not installed.
    """
    signals, labels, published = _mnist1d()
    rows = stratified_rows(torch.from_numpy(labels), seed, torch.arange(published, len(labels)))
    return image_data_set("mnist1d", signals[:, None, None, :], labels, seed, rows)


@lru_cache(maxsize=1)
def _mnist1d() -> tuple[np.ndarray, np.ndarray, int]:
    """Signals (5000, 40) float32, labels (5000,) int64, and the number of the first one to test on."""
    require("mnist1d", extra="benchmarks")
    data = importlib.import_module("mnist1d.data")  # brings matplotlib along: only where it is needed
    states = random.getstate(), np.random.get_state()
    try:
        made = data.make_dataset(data.get_dataset_args())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    signals = np.concatenate([made["x"], made["x_test"]]).round(_DECIMALS).astype(np.float32)  # alike on all machines
    return signals, np.concatenate([made["y"], made["y_test"]]), len(made["y"])


def load_cifar_sample(which: str, seed: int, data_dir: str | Path | None) -> DataSet:
    """Some images of CIFAR-10 (953) or CIFAR-100 (957; Krizhevsky 2009), 32 x 32 pixels, after random crop and flip.

    Far too few to train on CIFAR; good for statistics of untrained networks and for trying things out.

    Args:
        which: "cifar10" or "cifar100".
        seed: Of the split: 60 % to train, 20 % to validate, 20 % to test.
        data_dir: Folder of images.npz; the environment variable NAG_DATA_DIR if None.

    Raises:
        MissingData: The file is not there.
        DamagedFile: Its content is another.
    """
    path = checked_file(find_images(data_dir), IMAGES, _SHA256)
    with np.load(path, allow_pickle=False) as file:
        images, labels = file[f"{which}_images"], file[f"{which}_labels"]
    name = f"{which}_sample"
    return image_data_set(name, in_order(images, name, "NHWC"), labels, seed, classes=_CIFAR_CLASSES[which])
