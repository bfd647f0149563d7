"""Description of the hardware that results are measured on."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

__all__ = ["hardware"]


def hardware(device: str, threads: int) -> str:
    """Model of the processor, of the GPU if it is used, and the number of threads.

    Args:
        device: Device of the tensors.
        threads: CPU threads of a process.

    Example:
        >>> from nag.suites import hardware
        >>> hardware("cpu", threads=2).endswith("2 threads")
        True
    """
    gpu = f"{torch.cuda.get_device_name()}, " if device.startswith("cuda") else ""
    return f"{gpu}{_processor()}, {threads} {'thread' if threads == 1 else 'threads'}"


def _processor() -> str:
    metadata = Path("/proc/cpuinfo")
    text = metadata.read_text(encoding="utf-8", errors="replace") if metadata.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine() or "unknown processor"
