"""The front door: `import nag` is light and complete, and what it exports does what its examples say."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nag


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_and_listing_nag_loads_neither_torch_nor_numpy():
    code = "import sys, nag; dir(nag); nag.__doc__; print(sorted({'torch', 'numpy', 'pydantic', 'pandas'} & set(sys.modules)))"
    assert run_python(code) == "[]"


@pytest.mark.parametrize("name", [name for name in nag.__all__ if name != "__version__"])
def test_every_public_name_has_a_home_that_exports_it(name):
    assert name in dir(nag)
    found = getattr(nag, name)
    assert found.__doc__
    home = sys.modules[nag._HOMES[name]]
    assert name in home.__all__


def test_public_names_and_homes_agree():
    assert set(nag.__all__) == {*nag._HOMES, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'train_genrator'"):
        nag.train_genrator  # noqa: B018
