"""Passwords and keys never reach the terminal: not in tracebacks, and not in warnings."""

from __future__ import annotations

import sys
import traceback
import warnings
from types import TracebackType

from nag.core.secrets import masked

__all__ = ["mask_output"]

_format_warning = warnings.formatwarning


def mask_output() -> None:
    """Masks secrets in the tracebacks and warnings of this process from now on."""
    sys.excepthook = _tell
    warnings.formatwarning = _masked_warning


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def _masked_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return masked(_format_warning(message, category, filename, lineno, line))
