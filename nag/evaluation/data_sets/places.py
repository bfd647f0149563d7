"""Where the files of data sets are, without reading them."""

from __future__ import annotations

from pathlib import Path

from nag.core.data_files import find_data_dir
from nag.core.errors import MissingData

__all__ = ["IMAGES", "PLANETOID", "PLANETOID_PARTS", "find_images", "find_planetoid", "is_user_data"]

IMAGES = "images.npz"
"""File of the CIFAR samples."""

PLANETOID = {"cora": (2_708, 1_433, 7), "citeseer": (3_327, 3_703, 6), "pubmed": (19_717, 500, 3)}
"""Nodes, features and classes as published."""
_FOLDERS = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}
PLANETOID_PARTS = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
"""Endings of the raw files of a graph."""


def is_user_data(name_or_path: str | Path) -> bool:
    """Whether a data set's name is the path of an `.npz` file or of a folder that exists."""
    path = Path(name_or_path).expanduser()
    return path.suffix == ".npz" or path.is_dir()


def find_images(data_dir: str | Path | None) -> Path:
    """The data folder, if the CIFAR samples may be in it; raises `MissingData` if not."""
    hint = f"Put {IMAGES} into a folder and set data_dir or NAG_DATA_DIR to it."
    try:
        folder = find_data_dir(data_dir)
    except MissingData as error:
        raise MissingData(f"there is no data folder with the CIFAR samples ({IMAGES})", hint) from error
    if not (folder / IMAGES).is_file():
        raise MissingData(f"the data folder holds no {IMAGES}", hint)
    return folder


def find_planetoid(which: str, data_dir: str | Path | None) -> Path:
    """The folder with the eight raw files of a graph: the data folder, `planetoid` or `<Name>/raw` in it.

    Raises:
        MissingData: There is no data folder, or the files are not in it.
    """
    advice = (
        f"Download the eight files ind.{which}.* of github.com/kimiyoung/planetoid (folder data), "
        f"put them into the folder 'planetoid' of your data folder, and set data_dir or NAG_DATA_DIR to the latter."
    )
    try:
        folder = find_data_dir(data_dir)
    except MissingData as error:
        raise MissingData(f"there is no data folder for planetoid_{which}", advice) from error
    raw = f"{_FOLDERS[which]}/raw"
    for place in (folder / "planetoid", folder, folder / raw, folder / "planetoid" / raw, folder / "Planetoid" / raw):
        if all((place / f"ind.{which}.{part}").is_file() for part in PLANETOID_PARTS):
            return place
    raise MissingData(f"the raw files of planetoid_{which} are not in the data folder", advice)
