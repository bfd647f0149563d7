"""Pictures as cells of tracked tables."""

from __future__ import annotations

from dataclasses import dataclass

from nag.core.errors import InvalidRequest

__all__ = ["Image"]

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Image:
    """A picture to stand in a table's cell.

    Args:
        data: The content of a PNG file, or of an SVG file in UTF-8.
        caption: Printed with it, where the tracker can.

    Raises:
        InvalidRequest: The data are neither.

    Example:
        >>> from nag.tracking import Image
        >>> Image(b"<svg xmlns='http://www.w3.org/2000/svg'/>", caption="nothing").suffix
        '.svg'
    """

    data: bytes
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.data.startswith(_PNG_MAGIC) and b"<svg" not in self.data[:4096]:
            raise InvalidRequest("the picture is neither PNG nor SVG", "Pass the content of such a file.")

    @property
    def suffix(self) -> str:
        """`.png` or `.svg`."""
        return ".png" if self.data.startswith(_PNG_MAGIC) else ".svg"
