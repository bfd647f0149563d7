"""A data set."""

from __future__ import annotations

import numpy as np

from nag.evaluation.data_sets import image_data_set


def stripes(seed):
    """Small images with bright rows or bright columns."""
    rng, labels = np.random.default_rng(0), np.arange(60) % 2
    images = rng.normal(0, 0.1, (60, 1, 5, 5)).astype(np.float32)
    images[labels == 0, :, 2] += 1
    images[labels == 1, :, :, 2] += 1
    return image_data_set("stripes", images, labels, seed)
