"""Progress for functions that are called from Python: bars on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys

from nag.tracking.console import ConsoleTracker
from nag.tracking.null import NullTracker
from nag.tracking.protocol import RunTracker

__all__ = ["terminal_progress"]


def terminal_progress(show: bool = True) -> RunTracker:
    """A tracker that shows progress bars on stderr if that is a terminal, and records nothing.

    Args:
        show: False for no bars.

    Example:
        >>> with terminal_progress(False).progress(10, "counting") as progress:
        ...     progress.advance(10)
    """
    return ConsoleTracker() if show and sys.stderr is not None and sys.stderr.isatty() else NullTracker()
