"""Which command a run folder belongs to: other commands write elsewhere, so that nothing of its run is lost."""

from __future__ import annotations

from pathlib import Path

from nag.core.documents import read_json, read_yaml, shortened
from nag.core.errors import InvalidRequest, NagError

__all__ = ["command_of", "require_own_folder"]


def command_of(folder: Path) -> str | None:
    """The command whose run a folder holds, finished or not; None where it holds none.

    Args:
        folder: The folder; it need not exist.

    Example:
        >>> from pathlib import Path
        >>> from nag.workflows.ownership import command_of
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
