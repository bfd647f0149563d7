"""Marks of the test suite: tests marked `data` run where the benchmark tables are at hand."""

import os
from pathlib import Path

import pytest

_BESIDE_THE_REPOSITORY = Path(__file__).parents[2] / "shared" / "data"

if "NAG_DATA_DIR" not in os.environ and _BESIDE_THE_REPOSITORY.is_dir():
    os.environ["NAG_DATA_DIR"] = str(_BESIDE_THE_REPOSITORY)


def pytest_collection_modifyitems(items):
    if "NAG_DATA_DIR" in os.environ:
        return
    for item in items:
        if "data" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="NAG_DATA_DIR is not set: no benchmark tables"))
