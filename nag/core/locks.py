"""One writer a folder: a lock that the operating system releases when its holder ends, however it ends."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from filelock import FileLock, Timeout

from nag.core.documents import Document, check, parse_json, read_bounded, shortened
from nag.core.errors import InvalidRequest, NagError
from nag.core.numbers import Size

__all__ = ["FolderLock"]

_LOCK, _HOLDER = ".lock", ".writer.json"
_MAX_BYTES = 4096


class _Holder(Document):
    pid: Size
    host: str
    command: str
    since: str


class FolderLock:
    """The right to write into a folder, held by one process at a time.

    The lock is one of the operating system (`flock`), so a killed holder leaves none behind. The file `.lock` stays in the
    folder; `.writer.json` names the holder while there is one.

    Args:
        folder: The folder; made if it is absent.
        command: What the holder does, for those who are refused.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command = folder, command
        self._lock = FileLock(str(folder / _LOCK), thread_local=False)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return bool(self._lock.is_locked)

    def acquire(self) -> None:
        """Takes the lock; does nothing where this object holds it already.

        Raises:
            InvalidRequest: Another process, or another run of this one, holds it; the message names the holder.
        """
        if self.held:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            what = f"'{shortened(str(self.folder))}' is being written by {self._holder()}"
            raise InvalidRequest(what, "Wait until it has ended, or choose another out_dir.") from error
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": f"nag {self.command}",
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        (self.folder / _HOLDER).write_text(json.dumps(holder) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Gives the lock back, if it is held."""
        if self.held:
            (self.folder / _HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def _holder(self) -> str:
        """The holder in words."""
        path = self.folder / _HOLDER
        try:
            text = read_bounded(path, _MAX_BYTES).decode("utf-8")
            holder = check(_Holder, parse_json(text, f"'{path}'"), str(path))
        except (NagError, OSError, UnicodeDecodeError):  # it has just begun, or just ended
            return "another process"
        return shortened(f"process {holder.pid} on {holder.host} ({holder.command}, since {holder.since})", 200)
