from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nag.core.errors import InvalidRequest
from nag.core.locks import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from nag.core.locks import FolderLock

lock = FolderLock(Path(sys.argv[1]), "search")
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_writer_is_told_who_holds_the_folder_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / "deep" / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    second = FolderLock(folder, "evaluate")
    with pytest.raises(InvalidRequest) as caught:
        second.acquire()
    for word in (str(folder), f"process {holder.pid} on {os.uname().nodename} (nag search, since 20"):
        assert word in caught.value.what
    assert not second.held
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    second.acquire()
    assert second.held


def test_the_lock_is_taken_again_by_its_holder_alone_until_it_is_released(tmp_path):
    first, second = FolderLock(tmp_path, "search"), FolderLock(tmp_path, "search")
    first.acquire()
    first.acquire()
    with pytest.raises(InvalidRequest, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    assert [first.held, second.held] == [False, True]


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path):
    first = FolderLock(tmp_path, "search")
    first.acquire()
    (tmp_path / ".writer.json").write_text('{"pid": -1, "host": [], "\\u001b[2J": 1}')
    with pytest.raises(InvalidRequest, match="by another process"):
        FolderLock(tmp_path, "search").acquire()
