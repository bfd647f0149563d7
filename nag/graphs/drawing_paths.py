"""Where drawings can be written to; a wrong ending is told before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

from nag.core.errors import InvalidRequest

__all__ = ["check_drawing_path"]


def check_drawing_path(path: str | Path) -> str:
    """The ending of a drawing's path in lower case.

    Raises:
        InvalidRequest: The path ends neither in .svg nor in .png.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in {".svg", ".png"}:
        raise InvalidRequest(f"a drawing cannot be written to '{path}'", "Give a path that ends in .svg or .png.")
    return suffix
