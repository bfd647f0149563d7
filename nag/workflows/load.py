"""Reading back what was saved."""

from __future__ import annotations

from pathlib import Path

from nag.diffusion.generation import TrainedGenerator, load_generator

__all__ = ["load"]


def load(path: str | Path, device: str = "cpu") -> TrainedGenerator:
    """Reads what `save` or a command wrote: a generator.

    Args:
        path: A file.
        device: Where its tensors shall be.

    Raises:
        MissingData: There is no such file.
        DamagedFile: The file is damaged, or holds something else.

    Example:
        >>> import nag
        >>> nag.load("missing.safetensors")
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: checkpoint 'missing.safetensors' does not exist. Make one with: nag train-generator
    """
    return load_generator(path, device)
