"""Where the tables are that packages of PyPI ship; the packages are not imported."""

from __future__ import annotations

from pathlib import Path

from nag.core.data_files import find_package_file

__all__ = ["DATASETS", "find_analog_nasbench", "find_nas_bench_graph"]

DATASETS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")
"""The nine data sets of NAS-Bench-Graph; on proteins fewer operations were tried."""


def find_nas_bench_graph(dataset: str) -> Path:
    """The file of one data set in the package `nas-bench-graph`.

    Raises:
        MissingData: The package is not installed.
    """
    return find_package_file("nas_bench_graph", f"light/{dataset}.bench", "nas-bench-graph")


def find_analog_nasbench() -> Path:
    """The data file in the package `analog-nasbench`.

    Raises:
        MissingData: The package is not installed.
    """
    return find_package_file("analognasbench", "data.anb", "analog-nasbench")
