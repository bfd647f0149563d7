"""Ctrl-C: one line and exit code 130, from the first import on."""

from __future__ import annotations

import os
import signal
from types import FrameType

__all__ = ["INTERRUPTED", "end_at_once", "raise_again"]

INTERRUPTED = "error: interrupted. Long runs continue with the same command, the same out_dir and resume=true."


def end_at_once() -> None:
    """Lets an interruption end the process at once, for half-imported libraries turn the exception into a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        _handle(_end)


def raise_again() -> None:
    """Lets an interruption raise KeyboardInterrupt again, as Python does by default."""
    if signal.getsignal(signal.SIGINT) is _end:
        _handle(signal.default_int_handler)


def _handle(handler: signal._HANDLER) -> None:
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread, which alone gets signals
        return


def _end(signal_number: int, frame: FrameType | None) -> None:
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(130)
