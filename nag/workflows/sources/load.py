"""Reading back what was saved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import safetensors

from nag.core.errors import DamagedFile, MissingData
from nag.core.plugins import allow_plugins
from nag.diffusion.generation import TrainedGenerator, load_generator
from nag.evaluation.predicted import TrainedMetaPredictor, TrainedPredictor, load_meta_predictor, load_predictor
from nag.predictors import MetaPredictor
from nag.search.study import Study

__all__ = ["load"]


def load(
    path: str | Path, device: str = "cpu", plugins: Iterable[str | ModuleType] = ()
) -> TrainedGenerator | TrainedPredictor | TrainedMetaPredictor | Study:
    """Reads what `save` or a command wrote: a generator, a predictor, a meta-predictor or a study.

    Args:
        path: A file.
        device: Device of its tensors.
        plugins: Modules whose classes the file may name, beside those of nag and of installed plug-ins.

    Raises:
        MissingData: There is no such file.
        DamagedFile: The file is damaged, or holds something else.
        InvalidRequest: It names a class that is not allowed.

    Example:
        >>> import nag
        >>> nag.load("missing.safetensors")
        Traceback (most recent call last):
            ...
        nag.core.errors.MissingData: 'missing.safetensors' does not exist. Check the path.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MissingData(f"'{path}' does not exist", "Check the path.")
    if path.suffix == ".json":
        return Study.load(path)
    with allow_plugins(plugins):
        return _read_checkpoint(path, device)


def _read_checkpoint(path: Path, device: str) -> TrainedGenerator | TrainedPredictor | TrainedMetaPredictor:
    kind = _kind(path)
    if kind == "predictor":
        return load_predictor(path, device)
    if kind == MetaPredictor.kind:
        return load_meta_predictor(path, device)
    return load_generator(path, device)


def _kind(path: Path) -> str:
    """What kind of checkpoint a file holds."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return str((file.metadata() or {}).get("kind"))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise DamagedFile(f"'{path}' is neither a checkpoint nor a study", "Save it again.") from error
