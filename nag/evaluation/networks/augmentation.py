"""Random changes of training images that keep their class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.imports import is_import_path, load_callable

__all__ = ["augmentation_named", "crop_flip", "unchanged"]


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


def augmentation_named(name: str) -> Callable[[Tensor, int, torch.Generator], Tensor]:
    """An augmentation by its name, that of a function of this module or an import path; `none` changes nothing.

    Raises:
        InvalidRequest: There is none of that name.
    """
    if is_import_path(name):
        found: Callable[[Tensor, int, torch.Generator], Tensor] = load_callable(name)
        return found
    known = {"none": unchanged, crop_flip.__name__: crop_flip}
    if name not in known:
        raise InvalidRequest(f"augmentation is {name}", did_you_mean(name, known))
    return known[name]
