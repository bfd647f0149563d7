"""The search spaces that come with nag: their names, titles and files, without loading any."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nag.core.documents import parse_yaml, read_yaml, shortened
from nag.core.errors import InvalidSpace, did_you_mean
from nag.core.imports import is_import_path

__all__ = ["check_space_name", "list_spaces", "read_space", "space_titles"]


def list_spaces() -> list[str]:
    """Names of the shipped search spaces.

    Example:
        >>> from nag.spaces import list_spaces
        >>> "nasbench201" in list_spaces()
        True
    """
    folder = resources.files("nag.search_spaces")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def space_titles() -> dict[str, str]:
    """Name of each shipped search space -> its title.

    Example:
        >>> from nag.spaces import space_titles
        >>> space_titles()["nasbench201"]
        'NAS-Bench-201, convolutional cells'
    """
    return {name: str(read_space(name).get("title", name)) for name in list_spaces()}


def read_space(name_or_path: str | Path) -> dict[str, object]:
    """The keys of a search-space file.

    Args:
        name_or_path: Name of a shipped space, or the path of a YAML file.

    Raises:
        InvalidSpace: No such space, or the file holds no mapping.
    """
    check_space_name(name_or_path)
    text = str(name_or_path)
    if text in list_spaces():
        source = resources.files("nag.search_spaces").joinpath(f"{text}.yaml").read_text(encoding="utf-8")
        found = parse_yaml(source, f"'{text}'", InvalidSpace)
    else:
        found = read_yaml(Path(text).expanduser(), InvalidSpace)
    if not isinstance(found, dict):
        raise InvalidSpace(f"{shortened(text)} holds no mapping", "See search_spaces/README.md.")
    return found


def check_space_name(name_or_path: str | Path) -> None:
    """Checks that a name is that of a shipped space, of a YAML file that exists, or an import path.

    Raises:
        InvalidSpace: It is none of them.

    Example:
        >>> from nag.spaces import check_space_name
        >>> check_space_name("nasbench201")
        >>> check_space_name("nasbnch201")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidSpace: unknown search space 'nasbnch201'. Did you mean 'nasbench201'?
    """
    text = str(name_or_path)
    shown = shortened(text)
    if text in list_spaces() or is_import_path(text):
        return
    if Path(text).suffix not in {".yaml", ".yml"}:
        raise InvalidSpace(f"unknown search space '{shown}'", did_you_mean(shown, list_spaces()))
    try:
        exists = Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # too long, or the home of an unknown user
        exists = False
    if not exists:
        raise InvalidSpace(f"search-space file '{shown}' does not exist", "Check the path.")
