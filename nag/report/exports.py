"""The command that exports an architecture of a run."""

from __future__ import annotations

import shlex

from nag.core.documents import printable
from nag.report.runs import Run

__all__ = ["export_command"]

_LONGEST = 2000  # characters of a command


def export_command(run: Run, arch: str) -> str:
    """The command line that exports a run's best network, or an architecture with initial weights; empty if there is none.

    Args:
        run: The run; its `best_network`, if it has one, belongs to its `best_arch`.
        arch: The architecture's encoding.
    """
    if run.text("best_network") and run.text("best_arch") == arch:
        words = ["nag", "export", str(run.path)]
    elif run.text("search_space"):
        words = ["nag", "export", arch, f"search_space={run.text('search_space')}", "weights=initial"]
    else:
        return ""
    command = shlex.join(words)
    return command if command == printable(command) and len(command) <= _LONGEST else ""
