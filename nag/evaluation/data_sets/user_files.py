"""Image data sets of the user: an `.npz` file, or a folder with one sub-folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nag.core.arrays import read_npz
from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest, MissingData, did_you_mean
from nag.evaluation.data_sets.data_set import DataSet
from nag.evaluation.data_sets.images import check_labels, image_data_set
from nag.evaluation.data_sets.layouts import LAYOUTS, in_order
from nag.evaluation.data_sets.pictures import read_pictures
from nag.evaluation.data_sets.splitting import Rows, stratified_rows

__all__ = ["load_image_folder", "load_npz"]

_PARTS = ("train", "validation", "test")
_ARRAYS = {"images", "labels", "layout", *_PARTS}
_MOST_BYTES = 2**32
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def load_npz(path: Path, seed: int, layout: str | None = None) -> DataSet:
    """Reads a data set from an `.npz` file; pickled objects in it are refused.

    Arrays: `images` (uint8 or floats), `labels` (n,) whole numbers from 0, if wanted `layout` (a text, see `LAYOUTS`), and, if
    the split is given, `train`, `validation` and `test`, or `test` alone, each as row numbers or as a mask (n,).

    Args:
        path: The file.
        seed: Of the split, where there is none.
        layout: Which axis of the images is which; that of the file, or inferred from the shape, if None.

    Raises:
        MissingData: No such file.
        DamagedFile: It cannot be read, or lacks an array.
        InvalidRequest: Its arrays do not make a data set.
    """
    arrays = read_npz(path, limit=_MOST_BYTES)
    for key in arrays:
        if key not in _ARRAYS:
            raise InvalidRequest(f"'{path.name}' holds an unknown array '{shortened(key, 60)}'", did_you_mean(key, _ARRAYS))
    if layout is None and "layout" in arrays:
        given_layout = arrays["layout"]
        layout = str(given_layout) if given_layout.ndim == 0 and given_layout.dtype.kind == "U" else ""
        if layout not in LAYOUTS:
            raise InvalidRequest(
                f"'{path.name}': array 'layout' is {shortened(repr(layout), 60)}", f"Use {', '.join(LAYOUTS)}."
            )
    for key in ("images", "labels"):
        if key not in arrays:
            raise DamagedFile(f"'{path.name}' holds no array '{key}'", "It needs images and labels.")
    labels = arrays["labels"]
    check_labels(path.name, len(arrays["images"]) if arrays["images"].ndim else 0, labels)
    given = {part: _rows(arrays[part], len(labels), path.name, part) for part in _PARTS if part in arrays}
    if not given:
        rows = None
    elif set(given) == {"test"}:
        rows = stratified_rows(torch.from_numpy(labels.astype(np.int64)), seed, given["test"])
    elif len(given) == len(_PARTS):
        rows = Rows(**given)
    else:
        raise InvalidRequest(f"'{path.name}' gives a part of the split only", "Give train, validation and test, or test alone.")
    return image_data_set(path.name, in_order(arrays["images"], path.name, layout), labels, seed, rows)


def load_image_folder(folder: Path, seed: int, size: int | None = None) -> DataSet:
    """Reads images from a folder with one sub-folder a class; classes are numbered in the order of their names.

    Args:
        folder: The folder; what is no image, and hidden files, are passed over.
        seed: Of the split: 60 % to train, 20 % to validate, 20 % to test.
        size: Height and width that images are scaled to; None where all have one size.

    Raises:
        MissingData: There are no images.
        DamagedFile: An image cannot be read.
        InvalidRequest: There are fewer than two classes, or images differ in size.
    """
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    files = [(path, label) for label, entry in enumerate(classes) for path in _images_in(entry)]
    if len(classes) < 2:
        raise InvalidRequest(f"image folder '{folder}' has no sub-folders of two classes", "Make one sub-folder a class.")
    for label, entry in enumerate(classes):
        if not any(found == label for _, found in files):
            raise MissingData(f"class folder '{entry}' holds no image", f"Known: {', '.join(sorted(_SUFFIXES))}.")
    pixels = read_pictures([path for path, _ in files], size)
    labels = np.array([label for _, label in files], dtype=np.int64)
    return image_data_set(folder.name, pixels, labels, seed)


def _rows(given: np.ndarray, count: int, where: str, part: str) -> Tensor:
    """Row numbers, ascending, from row numbers or a mask."""
    if given.dtype == np.bool_ and given.shape == (count,):
        return torch.from_numpy(np.flatnonzero(given))
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise InvalidRequest(f"'{where}': array '{part}' is neither row numbers nor a mask", "Give whole numbers, (m,).")
    return torch.from_numpy(np.sort(given.astype(np.int64)))


def _images_in(folder: Path) -> list[Path]:
    """Image files of a class, also of its sub-folders, in the order of their paths."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
