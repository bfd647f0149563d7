"""Run folders as their files tell them: which command each belongs to, and which runs a folder stands for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nag.core.documents import read_json, read_yaml, shortened
from nag.core.errors import DamagedFile, InvalidRequest, MissingData, NagError

__all__ = ["command_of", "require_own_folder", "run_folders"]


def command_of(folder: Path) -> str | None:
    """The command whose run a folder holds, finished or not; None where it holds none.

    Args:
        folder: The folder; it need not exist.

    Example:
        >>> from pathlib import Path
        >>> from nag.workflows.run_folder.folders import command_of
        >>> command_of(Path("no/such/run")) is None
        True
    """
    for name, read in (("metrics.json", read_json), ("config.yaml", read_yaml)):
        try:
            found = read(folder / name)
        except NagError:  # absent, or damaged: the command may begin anew
            continue
        if isinstance(found, dict) and isinstance(found.get("command"), str):
            return str(found["command"])
    return None


def require_own_folder(folder: Path, command: str) -> None:
    """Checks that a command may write into a folder: it is new, holds no run, or holds a run of the same command.

    Args:
        folder: The run folder.
        command: Name of the command.

    Raises:
        InvalidRequest: The folder holds a run of another command, finished or not.
    """
    other = command_of(folder)
    if other not in (None, command):
        held = f"'{shortened(str(folder), 150)}' holds a run of nag {shortened(str(other), 50)}"
        raise InvalidRequest(f"{held}, which nag {command} would overwrite", "Choose another out_dir.")


def run_folders(paths: Sequence[Path]) -> dict[Path, Path]:
    """The finished runs that folders stand for: each its own, and those right inside it.

    Args:
        paths: The folders.

    Returns:
        Resolved path -> the path as it was given.

    Raises:
        MissingData: No such folder, or no run in it but that of a report.
        DamagedFile: A link leads out of a folder.

    Example:
        >>> from pathlib import Path
        >>> from nag.workflows.run_folder.folders import run_folders
        >>> run_folders([Path("no_such_run")])
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: run folder 'no_such_run' does not exist. Check the path.
    """
    folders: dict[Path, Path] = {}
    for path in paths:
        for folder in _runs_in(path):
            if not folder.resolve().is_relative_to(path.resolve()):
                what = f"'{shortened(str(folder))}' is a link that leads out of '{path.name}'"
                raise DamagedFile(what, "Name its target instead.")
            folders.setdefault(folder.resolve(), folder)
    return folders


def _runs_in(path: Path) -> list[Path]:
    """A folder, if it holds a finished run, and the folders right inside that do; reports are left out."""
    if path.is_file():
        raise MissingData(f"'{shortened(str(path))}' is a file, not a run folder", "Name the folder that holds it.")
    if not path.is_dir():
        raise MissingData(f"run folder '{shortened(str(path))}' does not exist", "Check the path.")
    held = [folder for folder in (path, *sorted(path.iterdir())) if (folder / "metrics.json").is_file()]
    found = [folder for folder in held if command_of(folder) != "report"]
    if held and not found:
        raise MissingData(f"'{shortened(str(path))}' holds a report, not a run", "Name the folders of the runs in it.")
    if not found:
        raise MissingData(f"'{path / 'metrics.json'}' does not exist", "Name the folder of a finished run.")
    return found
