"""Pictures from files, read by their mode: grey of 8 or 16 bits, floats, palettes, colour, transparency."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nag.core.documents import shortened
from nag.core.errors import DamagedFile, InvalidRequest

__all__ = ["read_pictures"]

MAX_PIXELS = 2**25
"""Pixels of the largest picture that is read."""

MAX_VALUES = 2**29
"""Numbers of the largest data set of pictures that is read."""

_GREY16 = {"I;16", "I;16L", "I;16B", "I;16N"}
_RGB, _OPAQUE = 3, 255


def read_pictures(paths: Sequence[Path], size: int | None = None) -> np.ndarray:
    """Pictures as one array (n, C, H, W): uint8, or float32 in 0..1 where a picture has more than 8 bits.

    Grey pictures have one channel, coloured ones three, and one more for transparency where any is not opaque; what a whole
    set does not need is left out. Grey of 16 bits is divided by 65535; floats and whole numbers of 32 bits stay as they are.

    Args:
        paths: The files.
        size: Height and width that pictures are scaled to; None where all have one size.

    Raises:
        DamagedFile: A picture cannot be read, or is too large.
        InvalidRequest: Pictures differ in size, or are too many.
    """
    pictures: list[np.ndarray] = []
    for path in paths:
        pictures.append(_read(path, size))
        first, last = pictures[0], pictures[-1]
        if last.shape[:2] != first.shape[:2]:
            raise InvalidRequest(
                f"'{path}' has {last.shape[1]} x {last.shape[0]} pixels, others {first.shape[1]} x {first.shape[0]}",
                "Scale all images to one size, or write a task file with the line size: PIXELS.",
            )
        if len(paths) * first.shape[0] * first.shape[1] > MAX_VALUES:
            raise InvalidRequest(
                f"{len(paths)} pictures like '{path}' need too much memory", "Write a task file with a smaller size: PIXELS."
            )
    floats = any(picture.dtype != np.uint8 for picture in pictures)
    channels = max(picture.shape[2] for picture in pictures)
    coloured = any(picture.shape[2] >= _RGB for picture in pictures)
    alpha = any(picture.shape[2] in (2, 4) for picture in pictures)
    channels = (_RGB if coloured else 1) + alpha
    pixels = np.empty((len(pictures), *pictures[0].shape[:2], channels), dtype=np.float32 if floats else np.uint8)
    for row, picture in zip(pixels, pictures, strict=True):
        colours = picture[..., : picture.shape[2] - (picture.shape[2] in (2, 4))]
        opaque = np.full(picture.shape[:2], 1 if floats else _OPAQUE)
        scale = np.float32(_OPAQUE) if floats and picture.dtype == np.uint8 else 1
        row[..., : channels - alpha] = colours / scale if floats else colours
        if alpha:
            row[..., -1] = (
                opaque if colours.shape == picture.shape else picture[..., -1] / scale if floats else picture[..., -1]
            )
    if coloured and bool((pixels[..., :_RGB] == pixels[..., :1]).all()):
        pixels = np.concatenate([pixels[..., :1], pixels[..., _RGB:]], -1)  # grey throughout
    return pixels.transpose(0, 3, 1, 2)


def _read(path: Path, size: int | None) -> np.ndarray:
    """(h, w, c) uint8 or float32, c of 1 or 3, and one more for transparency."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"it has {image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are read")
                return _by_mode(image, size)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise DamagedFile(f"image '{path}' cannot be read", shortened(str(error) or type(error).__name__)) from error


def _by_mode(image: Any, size: int | None) -> np.ndarray:
    from PIL import Image

    mode = image.mode
    if mode in _GREY16 or mode in {"I", "F"}:
        values = np.asarray(image).astype(np.float32)
        if mode in _GREY16 or (mode == "I" and image.format in {"PNG", "PPM"}):  # which have no more than 16 bits
            values /= 65535
        if size is not None:
            values = np.asarray(Image.fromarray(values).resize((size, size), Image.Resampling.BILINEAR))
        return values[..., None]
    transparent = mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    if transparent:
        wanted = "LA" if mode in {"L", "LA", "La", "1"} else "RGBA"
    else:
        wanted = "L" if mode in {"L", "1"} else "RGB"
    pixels = image if mode == wanted else image.convert(wanted)
    if size is not None:
        pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
    values = np.asarray(pixels)
    values = values[..., None] if values.ndim == 2 else values
    return values[..., :-1] if transparent and bool((values[..., -1] == _OPAQUE).all()) else values
