"""The names of all tasks, without loading any: of tables, of data sets to train on, and of the user's files."""

from __future__ import annotations

from pathlib import Path

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, MissingData, did_you_mean
from nag.core.imports import is_import_path
from nag.evaluation.data_sets import data_set_kind, data_set_names, list_data_sets
from nag.evaluation.data_sets.places import is_user_data
from nag.spaces import check_space_name, list_spaces
from nag.tasks import list_tasks as list_table_tasks
from nag.tasks import task_names
from nag.tasks.catalogue import space_of
from nag.tasks.task_file import is_task_file, keys_of, space_of_file

__all__ = ["check_task_name", "is_training_task", "list_tasks", "list_training_tasks", "parts_of", "space_of_task"]

_READ = {"nas_bench_graph": "graph", "nasbench101": "images", "nasbench201": "images"}
"""Shipped space -> what its networks read; a test compares it with the networks themselves."""


def list_tasks(data_dir: str | Path | None = None) -> dict[str, str]:
    """Name of each built-in task, of tables and of training -> one line about it.

    Args:
        data_dir: Folder of tables and data; the environment variable NAG_DATA_DIR if None.

    Example:
        >>> import nag
        >>> nag.list_tasks()["digits/nasbench201"]
        'Trained networks: 1,797 handwritten digits, 8 x 8 grey, 10 classes (available)'
    """
    return {**list_table_tasks(data_dir), **list_training_tasks(data_dir)}


def list_training_tasks(data_dir: str | Path | None = None) -> dict[str, str]:
    """Name of each pair of a built-in data set and a search space that fits it -> one line about it.

    Args:
        data_dir: The data folder; the environment variable NAG_DATA_DIR if None.

    Example:
        >>> from nag.evaluation import list_training_tasks
        >>> "digits/nasbench201" in list_training_tasks()
        True
    """
    return {
        f"{data_set}/{space}": f"Trained networks: {note}"
        for data_set, note in list_data_sets(data_dir).items()
        for space in list_spaces()
        if _READ.get(space) == data_set_kind(data_set)
    }


def check_task_name(name_or_path: str | Path) -> None:
    """Checks that a task's name is one: a table's, `<data set>/<search space>`, or the path of a YAML file that exists.

    Raises:
        InvalidRequest: It is none; the hint corrects the part that is wrong.
        InvalidSpace: There is no such search space.
        MissingData: There is no such file.

    Example:
        >>> from nag.evaluation import check_task_name
        >>> check_task_name("digits/nasbnch201")
        Traceback (most recent call last):
            ...
        nag.core.errors.InvalidSpace: unknown search space 'nasbnch201'. Did you mean 'nasbench201'?
    """
    name = str(name_or_path)
    if name in task_names() or (is_task_file(name) and Path(name).expanduser().is_file()):
        return
    if is_task_file(name) and not is_training_task(name):
        raise MissingData(f"task file '{shortened(name)}' does not exist", "Check the path.")
    data_set, space = parts_of(name)
    if not is_import_path(data_set):
        data_set_kind(data_set)
    check_space_name(space)


def is_training_task(name_or_path: str | Path) -> bool:
    """Whether a task's name asks for training: `<data set>/<search space>`, or a YAML file with the key `data`.

    Example:
        >>> from nag.evaluation import is_training_task
        >>> is_training_task("digits/nasbench201"), is_training_task("nas_bench_graph/cora")
        (True, False)
    """
    name = str(name_or_path)
    if is_task_file(name) and Path(name).expanduser().is_file():
        keys = keys_of(name)
        return "data" in keys and "table" not in keys
    return bool(_splits(name))


def space_of_task(name_or_path: str | Path) -> str | Path:
    """Name or path of the search space of a task, whose name was checked; its table is not read.

    Example:
        >>> from nag.evaluation import space_of_task
        >>> space_of_task("digits/nasbench201"), space_of_task("analog_nasbench/ptq")
        ('nasbench201', 'nasbench201')
    """
    name = str(name_or_path)
    if is_task_file(name) and Path(name).expanduser().is_file():
        return space_of_file(Path(name))
    return space_of(name) if name in task_names() else parts_of(name)[1]


def parts_of(name: str) -> tuple[str, str]:
    """Data set and search space of a task's name, either of which may be a path.

    Raises:
        InvalidRequest: The name has no such parts; the hint corrects the part that is wrong.
    """
    splits = _splits(name)
    if not splits:
        raise InvalidRequest(f"unknown task '{name}'", did_you_mean(name, _whole_names(name)))
    return splits[0]


def _whole_names(name: str) -> list[str]:
    """What a misspelt name may stand for: a task, or a data set of the user's with a space that reads it."""
    data_set = name.rpartition("/")[0]
    if data_set and is_user_data(data_set):
        return [f"{data_set}/{space}" for space, kind in _READ.items() if kind == "images"]
    return [*task_names(), *list_training_tasks()]


def _splits(name: str) -> list[tuple[str, str]]:
    """Data set and space of a task's name at each slash that may part them, the likeliest first."""
    certain, likely = [], []
    for place in [i for i, letter in enumerate(name) if letter == "/"]:
        data_set, space = name[:place], name[place + 1 :]
        built_in, known_space = data_set in data_set_names(), space in list_spaces()
        file = (is_task_file(space) and Path(space).expanduser().is_file()) or is_import_path(space)
        if not data_set or not space:
            continue
        if (built_in or is_user_data(data_set) or is_import_path(data_set)) and (known_space or file):
            certain.append((data_set, space))
        elif built_in or known_space:  # a folder that happens to be there proves nothing
            likely.append((data_set, space))
    return certain + likely
