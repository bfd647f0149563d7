"""Plotly's basic bundle (scatter, bar, pie) as published on npm: plotly.js-basic-dist-min 4.1.1, MIT licence."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources

__all__ = ["plotly_bundle"]

_FILE = "plotly-basic.min.js.gz"


@cache
def plotly_bundle() -> str:
    """The script that draws figures, a quarter of the size of the whole library."""
    packed = resources.files("nag.report").joinpath(_FILE).read_bytes()
    return gzip.decompress(packed).decode("utf-8")
