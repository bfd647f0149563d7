"""How every command ends: what won or was made, its numbers, its files, and the command that comes next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nag.cli.console import say, say_metrics

if TYPE_CHECKING:
    from nag.spaces import SearchSpace

__all__ = ["conclude", "search_space_option"]


def conclude(
    files: Mapping[str, Path | str], following: Sequence[str], folder: Path | None = None, metrics: Sequence[str] = ()
) -> None:
    """Prints the end of a command.

    Args:
        files: What was written: what it is -> where it lies.
        following: Words of a command that goes on from here, as they would be typed; it works as it is printed.
        folder: The run folder; None for a command without one.
        metrics: Names of the numbers of its `metrics.json` to print, that of the winner first.
    """
    if folder is not None:
        say_metrics(folder, metrics)
    for what, path in files.items():
        say(f"{what}: {path}")
    say(f"next: {shlex.join(following)}")


def search_space_option(space: SearchSpace, task: str | None = None) -> str | None:
    """The option `search_space=...` that names a search space; None where only its checkpoints hold it.

    Args:
        space: The search space.
        task: The task whose space it is, as given on the command line: the path of a YAML file may name a user's own space.
    """
    from nag.core.documents import read_yaml
    from nag.spaces import list_spaces, load_space

    if space.name in list_spaces() and load_space(space.name).fingerprint == space.fingerprint:
        return f"search_space={space.name}"
    path = None if task is None else Path(task).expanduser()
    named = read_yaml(path).get("space") if path is not None and path.is_file() else None
    return f"search_space={path.parent / named}" if path is not None and isinstance(named, str) else None
