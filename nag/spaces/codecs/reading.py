"""Reading of native strings: limits of their length, lists of names, and errors for other text."""

from __future__ import annotations

import re
from typing import NoReturn

from nag.core.documents import shortened
from nag.core.errors import InvalidArchitecture

__all__ = ["NAME", "REST", "names_in", "refuse"]

NAME = 220
"""The longest name of an operation, with what stands around it."""

REST = 1000
"""Characters beside names and edges that every codec reads."""


def refuse(text: str, what: str, example: str) -> NoReturn:
    """Raises `InvalidArchitecture` for a text that is no `what`, of which there is an example."""
    form = shortened(example, 120)
    if re.search(r"genotype|normal_concat", text[:10_000], re.IGNORECASE):
        raise InvalidArchitecture(
            f"'{shortened(text, 80)}' is a genotype of two cells", f"This space has one, of the form {form}"
        )
    raise InvalidArchitecture(f"'{shortened(text, 80)}' is no {what}", f"Its form is {form}")


def names_in(text: str) -> list[str]:
    """Names between commas, with or without quotes and brackets around them."""
    inner = text.strip().strip("[]()").strip().removesuffix(",")
    return [] if not inner else [part.strip(" \t\r\n'\"") for part in inner.split(",")]
