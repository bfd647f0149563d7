"""The types of number that options, files and store rows may hold; each refuses nan, infinity and absurd sizes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["LARGEST", "Count", "Finite", "Fraction", "Name", "NonNegative", "Positive", "Seed", "Size"]

LARGEST = 10**9
"""The greatest whole number that an option or a file may hold."""

Size = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
"""A whole number of at least 0."""

Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
"""A whole number of at least 1."""

Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
"""A seed of random numbers: a whole number from 0 to 4294967295, as numpy takes them."""

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e30, le=1e30)]
"""A finite number of a size that float32 holds."""

NonNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e30)]
"""A finite number of at least 0."""

Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1e30)]
"""A finite number above 0."""

Fraction = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
"""A number from 0 to 1."""

Name = Annotated[str, Field(strict=True, min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
"""A name of an operation, a metric or a column: letters, digits, `-` and `_`, not beginning with `-`."""
