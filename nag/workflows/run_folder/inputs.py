"""What a run reads, identified by content: a file may move, but a changed one makes another run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nag.core.errors import MissingData
from nag.core.files import blocks_of
from nag.evaluation import load_task_data
from nag.graphs import DagBatch
from nag.tasks import Task, TrainedNetworks

__all__ = ["digest_of_graphs", "digest_of_path", "digest_of_task"]

_MOST_BYTES = 2**28
"""Content of a folder that is read; of what lies beyond it, names and sizes count."""


def digest_of_path(path: Path | str) -> str:
    """Digest of a file's content, or of the names, sizes and contents in a folder (contents up to 256 MiB).

    Raises:
        MissingData: There is no such file or folder.
    """
    path = Path(path).expanduser()
    digest = hashlib.sha256()
    if path.is_file():
        for block in blocks_of(path):
            digest.update(block)
    elif path.is_dir():
        left = _MOST_BYTES
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            size = file.stat().st_size
            digest.update(f"{file.relative_to(path)}\0{size}\0".encode())
            for block in blocks_of(file) if size <= left else ():
                digest.update(block)
            left -= min(size, left)
    else:
        raise MissingData(f"'{path}' does not exist", "Check the path.")
    return digest.hexdigest()


def digest_of_graphs(dags: DagBatch) -> str:
    """Digest of architectures in their order."""
    digest = hashlib.sha256()
    for tensor in (dags.ops, dags.adjacency, dags.mask):
        array = tensor.cpu().contiguous().numpy()
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def digest_of_task(task: Task, data_dir: Path | str | None = None) -> str:
    """Digest of what a task is: its space, its metrics, and the content of its table or of its data.

    Args:
        task: The task.
        data_dir: Folder of data; the environment variable NAG_DATA_DIR if None.
    """
    names = (task.search_metric, task.report_metric, *task.secondary_metrics)
    digest = hashlib.sha256(repr((task.space.fingerprint, names, task.maximise)).encode())
    if task.has_table:
        digest.update(digest_of_graphs(task.table.dags).encode())
        for name in names:
            digest.update(task.table.metric(name).tobytes())
    elif isinstance(task.source, TrainedNetworks):
        digest.update(load_task_data(task.source, data_dir).digest.encode())
    return digest.hexdigest()
