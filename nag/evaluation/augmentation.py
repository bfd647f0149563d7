"""Random changes of training images that keep their class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["AUGMENTATIONS", "crop_flip", "unchanged"]


def unchanged(images: Tensor, padding: int, rng: torch.Generator) -> Tensor:
    """The images as they are."""
    return images


def crop_flip(images: Tensor, padding: int, rng: torch.Generator) -> Tensor:
    """Shifts each image at random, filled up with its channels' means, and mirrors it left to right half of the time.

    As usual on CIFAR (He et al. 2016, section 4.2). Images of height 1 are shifted along their width alone.

    Args:
        images: (B, C, H, W), normalised.
        padding: Greatest shift, in pixels.
        rng: Source of randomness, on the images' device.

    Returns:
        (B, C, H, W).
    """
    count, channels, height, width = images.shape
    device = images.device
    up = padding if height > 1 else 0
    padded = pad(images, (padding, padding, up, up))
    top = torch.randint(2 * up + 1, (count, 1), generator=rng, device=device)
    left = torch.randint(2 * padding + 1, (count, 1), generator=rng, device=device)
    mirrored = torch.rand(count, 1, generator=rng, device=device) < 0.5
    column = torch.arange(width, device=device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.where(mirrored, width - 1 - column, column)
    image = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


AUGMENTATIONS: Mapping[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {"none": unchanged, "crop_flip": crop_flip}
"""Name of an augmentation -> what it does to a batch, by a padding in pixels and a source of randomness."""
