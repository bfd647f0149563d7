"""Which axis of an array of images is which: examples, channels, rows, columns."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from nag.core.errors import InvalidRequest

__all__ = ["LAYOUTS", "Layout", "described", "in_order"]

LAYOUTS = {
    "NHWC": "pictures: examples, rows, columns, channels",
    "NCHW": "pictures: examples, channels, rows, columns",
    "NHW": "pictures of one channel: examples, rows, columns",
    "NWC": "signals: examples, steps, channels",
    "NCW": "signals: examples, channels, steps",
    "NW": "signals of one channel: examples, steps",
}
"""Letters of the axes -> what they say; a signal is a picture of height 1."""

Layout = Annotated[str, Field(strict=True, pattern=f"^({'|'.join(LAYOUTS)})$", description=f"one of {', '.join(LAYOUTS)}")]

_MOST_CHANNELS = 4
_SAY = "Say which axis is which: 'layout: {}' in the task's file, or a text array 'layout' in the .npz file ({})."


def in_order(images: np.ndarray, where: str, layout: str | None = None) -> np.ndarray:
    """Images as (n, C, H, W).

    Args:
        images: Images in any layout.
        where: What they belong to, for the message.
        layout: One of `LAYOUTS`; None to tell by the shape, where that leaves one layout alone.

    Raises:
        InvalidRequest: The shape does not fit the layout, or fits several.
    """
    if images.ndim not in {2, 3, 4} or 0 in images.shape:
        raise InvalidRequest(
            f"{where}: images have the shape {images.shape}", "It must be (examples, rows, columns, channels)."
        )
    letters = _told_by_shape(images, where) if layout is None else layout
    if letters not in LAYOUTS or len(letters) != images.ndim:
        fitting = [name for name in LAYOUTS if len(name) == images.ndim]
        raise InvalidRequest(f"{where}: layout {letters} does not fit the shape {images.shape}", f"Use {', '.join(fitting)}.")
    for letter in "CH":
        if letter not in letters:
            images, letters = images[..., None], letters + letter
    return images.transpose([letters.index(letter) for letter in "NCHW"])


def _told_by_shape(images: np.ndarray, where: str) -> str:
    """The layout that the shape leaves: of two axes that may be the channels, the one of at most 4 that is alone."""
    shape = images.shape
    options: tuple[str, ...]
    if images.ndim == 4:
        first, last = shape[1] <= _MOST_CHANNELS, shape[3] <= _MOST_CHANNELS
        if first == last:  # as many channels as one likes, where rows and columns are equal
            first, last = shape[2] == shape[3] != shape[1], shape[1] == shape[2] != shape[3]
        if first != last:
            return "NCHW" if first else "NHWC"
        options = ("NHWC", "NCHW")
    elif images.ndim == 3 and min(shape[1:]) > _MOST_CHANNELS:
        return "NHW"
    else:
        options = ("NHW", "NWC", "NCW")[: 3 if shape[1] <= _MOST_CHANNELS else 2] if images.ndim == 3 else ("NW",)
    meanings = "; ".join(f"{name}: {LAYOUTS[name].partition(':')[0]}" for name in options)
    what = f"{where}: images of the shape {shape} may be {' or '.join(_reading(shape, name) for name in options)}"
    raise InvalidRequest(what, _SAY.format(options[-1], meanings))


def _reading(shape: tuple[int, ...], layout: str) -> str:
    sizes = dict(zip(layout, shape, strict=True))
    return described(sizes["N"], sizes.get("C", 1), sizes.get("H", 1), sizes["W"])


def described(count: int, channels: int, height: int, width: int) -> str:
    """Images in words, such as `60 signals of 50 steps, 3 channels`."""
    kind = f"signals of {width} steps" if height == 1 else f"pictures of {height} x {width} pixels"
    return f"{count:,} {kind}, {channels} channel{'s' * (channels > 1)}"
