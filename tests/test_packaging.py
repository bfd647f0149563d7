"""What the wheel holds, read from pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from nag import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
MAPPED = {"nag.conf": ROOT / "conf", "nag.search_spaces": ROOT / "search_spaces"}


def folder_of(package: str) -> Path:
    return MAPPED.get(package, ROOT.joinpath(*package.split(".")))


def packaged_files() -> set[Path]:
    found = set()
    for package, patterns in SETUPTOOLS["package-data"].items():
        for pattern in patterns:
            found.update(folder_of(package).glob(pattern))
    return found


def test_every_package_is_listed():
    inits = (ROOT / "nag").rglob("__init__.py")
    existing = {".".join(path.parent.relative_to(ROOT).parts) for path in inits} | set(MAPPED)
    assert sorted(SETUPTOOLS["packages"]) == sorted(existing)


def test_every_folder_with_code_is_a_package():
    assert all((path.parent / "__init__.py").is_file() for path in (ROOT / "nag").rglob("*.py"))


def test_mapped_packages_are_where_they_are_said_to_be():
    assert {package: ROOT / folder for package, folder in SETUPTOOLS["package-dir"].items()} == {"nag": ROOT / "nag", **MAPPED}
    assert all((folder / "__init__.py").is_file() for folder in MAPPED.values())


@pytest.mark.parametrize("package", MAPPED)
def test_every_yaml_file_is_packaged(package):
    yaml_files = set(MAPPED[package].rglob("*.y*ml"))
    assert yaml_files
    assert yaml_files <= packaged_files()


def test_other_files_beside_the_code_are_packaged():
    others = {path for path in (ROOT / "nag").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert ROOT / "nag" / "py.typed" in others
    assert others <= packaged_files()


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    assert cited["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
