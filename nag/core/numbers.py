"""The types of number and text that options, files and store rows may hold; none admits nan, infinity or absurd sizes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = [
    "LARGEST",
    "LONGEST_LEASE",
    "WIDEST",
    "BatchSize",
    "Count",
    "DerivedSeed",
    "Finite",
    "Fraction",
    "FractionBelowOne",
    "Name",
    "NonNegative",
    "Positive",
    "PositiveFraction",
    "ProperFraction",
    "Rate",
    "Seed",
    "Size",
    "SmallCount",
    "Text",
    "Width",
]

LARGEST = 10**9
"""The greatest number that an option may hold, and the greatest whole number in a file."""


WIDEST = 1e30
"""The greatest size of a number in a file: float32 holds it."""

LONGEST_LEASE = 3600.0
"""Seconds that a claim on an evaluation lasts at most; a row with a later end is as free as one whose lease has ended."""

Size = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
"""A whole number of at least 0."""

Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
"""A whole number of at least 1."""

SmallCount = Annotated[int, Field(strict=True, ge=1, le=1000)]
"""A whole number from 1 to 1000, of layers, heads or networks in an ensemble."""

Width = Annotated[int, Field(strict=True, ge=1, le=8192)]
"""The width of a network's layers: a whole number from 1 to 8192."""

BatchSize = Annotated[int, Field(strict=True, ge=1, le=10**6)]
"""Examples of a training step: a whole number from 1 to 1000000."""

Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
"""A seed of random numbers: a whole number from 0 to 4294967295, as numpy takes them."""

DerivedSeed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
"""A seed that is computed from another one, as torch and numpy's generators take it."""

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-WIDEST, le=WIDEST)]
"""A finite number of a size that float32 holds."""

NonNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=WIDEST)]
"""A finite number of at least 0."""

Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=WIDEST)]
"""A finite number above 0."""

Rate = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1000)]
"""A learning rate: above 0 and up to 1000."""

Fraction = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
"""A number from 0 to 1."""

PositiveFraction = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1)]
"""A number above 0 and up to 1."""

ProperFraction = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, lt=1)]
"""A number above 0 and below 1, such as a risk or a confidence level."""

FractionBelowOne = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, lt=1)]
"""A number from 0 to below 1, such as the share of states that dropout sets to zero."""

Name = Annotated[str, Field(strict=True, min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
"""A name of an operation, a metric or a column: letters, digits, `-` and `_`, not beginning with `-`."""

Text = Annotated[str, Field(strict=True, min_length=1, max_length=10_000)]
"""A text that is not empty."""
