"""Images with labels, split and normalised."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nag.core.errors import InvalidRequest
from nag.evaluation.data_sets.data_set import DataSet, Split, digest_of
from nag.evaluation.data_sets.splitting import Rows, stratified_rows
from nag.networks import DataShape

__all__ = ["check_labels", "image_data_set"]

_MOST_VALUES = 2**29  # which as floats are 2 GiB


def image_data_set(
    name: str, images: np.ndarray, labels: np.ndarray, seed: int, rows: Rows | None = None, classes: int | None = None
) -> DataSet:
    """A data set of images; each channel gets mean 0 and standard deviation 1 over the images that are trained on.

    Args:
        name: Its name.
        images: (n, C, H, W), bytes (which become 0..1) or finite floats.
        labels: (n,) whole numbers from 0.
        seed: Of the split, where there is none.
        rows: The split; stratified by the seed if None.
        classes: Number of classes; as many as the labels show if None.

    Raises:
        InvalidRequest: A part is too small, there is but one class, labels are negative or leave the classes, images are
            all the same, too many, or neither bytes nor floats.

    Example:
        >>> import numpy as np
        >>> from nag.evaluation.data_sets import image_data_set
        >>> images = np.random.default_rng(0).integers(0, 256, (30, 3, 8, 8)).astype(np.uint8)
        >>> image_data_set("noise", images, np.arange(30) % 3, seed=0).summary
        '30 pictures of 8 x 8 pixels, 3 channels, 3 classes; 18 to train, 6 to validate, 6 to test'
    """
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise InvalidRequest(f"{name}: images are of the type {images.dtype}", "They must be uint8 or floats.")
    if images.size > _MOST_VALUES:
        raise InvalidRequest(f"{name}: {images.size:,} numbers are too many", f"At most {_MOST_VALUES:,} fit into memory.")
    classes = check_labels(name, len(images), labels, classes)
    if bool((images == images[:1]).all()):
        raise InvalidRequest(
            f"{name}: all images are the same", "A network cannot be trained on them: check how they were made."
        )
    answers = torch.from_numpy(labels.astype(np.int64))
    rows = (rows or stratified_rows(answers, seed)).check(answers, name)
    scaled = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    if images.dtype == np.uint8:
        scaled /= 255
    if not bool(torch.isfinite(scaled).all()):
        raise InvalidRequest(f"{name}: an image holds what is no finite number", "Mend or leave out that image.")
    seen = scaled[rows.train].double()
    mean, std = seen.mean((0, 2, 3)), seen.std((0, 2, 3))
    std = torch.where(std > 1e-8, std, torch.ones_like(std))  # a constant channel says nothing
    scaled = (scaled - mean.float()[:, None, None]) / std.float()[:, None, None]
    _, channels, height, width = scaled.shape
    features = {"images": len(labels), "classes": classes, "channels": channels, "height": height, "width": width}
    return DataSet(
        name=name,
        shape=DataShape("images", channels, classes, height, width),
        train=_part(scaled, answers, rows.train),
        validation=_part(scaled, answers, rows.validation),
        test=_part(scaled, answers, rows.test),
        digest=digest_of([images, answers, rows.train, rows.validation, rows.test], classes),
        task_features={name: float(value) for name, value in features.items()},
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
    )


def check_labels(name: str, count: int, labels: np.ndarray, classes: int | None = None) -> int:
    """The number of classes of some images.

    Args:
        name: Of the data set.
        count: Number of images.
        labels: (count,) whole numbers from 0.
        classes: Number of classes; as many as the labels show if None.

    Raises:
        InvalidRequest: Labels do not fit the images, are no whole numbers, leave the classes, or are all the same.
    """
    if labels.shape != (count,):
        raise InvalidRequest(f"{name}: {count} images have labels of the shape {labels.shape}", "Give one to each.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InvalidRequest(f"{name}: labels are of the type {labels.dtype}", "They must be whole numbers from 0.")
    if len(np.unique(labels)) < 2:
        raise InvalidRequest(f"{name} has one class only", "Give at least two.")
    low, high = int(labels.min()), int(labels.max())
    classes = high + 1 if classes is None else classes
    if low < 0 or high >= classes:
        raise InvalidRequest(f"{name}: labels range from {low} to {high}", f"They must be 0 to {classes - 1}.")
    if classes > count:
        raise InvalidRequest(f"{name}: {count} images cannot show {classes} classes", "Number classes 0, 1, 2 and so on.")
    return classes


def _part(images: Tensor, labels: Tensor, rows: Tensor) -> Split:
    return Split(images[rows], labels[rows])
