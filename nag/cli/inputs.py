"""Options that name files: a missing path is reported before heavy imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from nag.core.checkpoint_header import read_header
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, MissingData
from nag.core.signatures import annotations_of
from nag.execution.addresses import check_store_address

__all__ = [
    "Input",
    "check_conditions",
    "check_inputs",
    "check_listed",
    "check_metrics",
    "check_native",
    "check_same_space",
]

_QUICKLY_READ = 2**20
"""Bytes of a file that is read twice rather than after seconds of imports."""


@dataclass(frozen=True)
class Input:
    """Marks an option that names a file or a folder which must be there.

    Args:
        what: What it is, for the message; may be empty.
        hint: What to do where it is missing.
        folder: Whether only a folder will do.
        checkpoint: Kind of checkpoint that it must hold; empty where it is none.
        store: Whether the URL of an evaluation store will do, too.
    """

    what: str = ""
    hint: str = "Check the path."
    folder: bool = False
    checkpoint: str = ""
    store: bool = False


def check_inputs(options: BaseModel) -> None:
    """Raises `NagError` unless all files and folders that the options name are there, checkpoints by their headers."""
    for name, annotation in annotations_of(type(options)).items():
        mark = _mark_of(annotation)
        for path in _paths(getattr(options, name)) if mark is not None else ():
            if mark is not None:
                _check_input(mark, path)


def _check_input(mark: Input, path: str) -> None:
    if mark.store and "://" in path:
        check_store_address(path)
        return
    if not _is_there(path):
        raise MissingData(f"{mark.what} '{shortened(path, 150)}' does not exist".strip(), mark.hint)
    if mark.folder and not Path(path).expanduser().is_dir():
        raise MissingData(f"{mark.what} '{shortened(path, 150)}' is no folder".strip(), mark.hint)
    if mark.checkpoint:
        read_header(path, mark.checkpoint)


def check_native(text: str, space: str | Path) -> None:
    """Raises `InvalidArchitecture` where a string does not have the form of a space, or names an unknown operation."""
    from nag.spaces import notation_of

    notation = notation_of(space)
    if notation is not None:
        notation.decode(text)


def check_listed(path: str, space: str | Path) -> None:
    """Checks the strings of a file that lists architectures as `check_native` does; a long file is checked once, later."""
    from nag.spaces import notation_of
    from nag.workflows.sources.architecture_file import read_architectures

    notation, file = notation_of(space), Path(path)
    if notation is not None and file.is_file() and file.stat().st_size <= _QUICKLY_READ:
        read_architectures(file, notation)


def check_same_space(task: str, space: str | Path) -> None:
    """Raises `InvalidRequest` where a task is not on a search space, if their files tell."""
    from nag.evaluation import space_of_task
    from nag.spaces import notation_of

    own, named = notation_of(space_of_task(task)), notation_of(space)
    if own is not None and named is not None and own.fingerprint != named.fingerprint:
        what = f"task {shortened(task, 150)} is not on {named.document.name}"
        raise InvalidRequest(what, f"Its space is {own.document.name}.")


def check_conditions(space: str | Path, computed: Sequence[str]) -> None:
    """Raises `InvalidRequest` where a condition without a predictor is none that the graphs of a space tell."""
    from nag.evaluation.metric_names import require_computed
    from nag.spaces import notation_of

    notation = notation_of(space) if computed else None
    if notation is not None:
        for name in computed:
            require_computed(notation.document.name, name, notation.document.costs)


def check_metrics(task: str, names: Sequence[str], secondary_only: bool = False) -> None:
    """Raises `InvalidRequest` where a name is none of a task's search metric and secondary metrics, if these are told early."""
    from nag.evaluation.metric_names import metric_names, require_secondary

    known = metric_names(task) if names else None
    if known is not None:
        for name in names:
            require_secondary(task, name, known[secondary_only:])


def _mark_of(annotation: Any) -> Input | None:
    """The mark in an annotation, such as `list[Annotated[str, Input()]] | None`."""
    if isinstance(annotation, Input):
        return annotation
    parts = [*getattr(annotation, "__metadata__", ()), *get_args(annotation)]
    return next((found for part in parts if (found := _mark_of(part)) is not None), None)


def _paths(value: Any) -> Iterator[str]:
    """The texts in an option's value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | Sequence):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(item)


def _is_there(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long for a name, or of an unknown user
        return False
