"""Models of a search space, and how they are saved: a class, its constructor arguments, the space and the tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn
from typing_extensions import Self

from nag.core.checkpoints import Checkpoint, load_checkpoint, load_tensors, require_elements, save_checkpoint
from nag.core.configured import allowed_class, arguments_in, arguments_of, describe
from nag.core.errors import DamagedFile, NagError
from nag.core.plugins import allow_plugins
from nag.core.randomness import seeded
from nag.spaces.loader import space_from_mapping
from nag.spaces.space import SearchSpace

__all__ = ["SpaceModel", "least_elements_of", "load_model", "restore_model", "save_model"]

_GIVEN = ("space", "data")
_EXTRA = "reference."
_Model = TypeVar("_Model", bound="SpaceModel")


class SpaceModel(nn.Module):
    """A model of one search space: all fitted values are in its `state_dict`.

    A sub-class keeps each constructor argument in the attribute of its name, or defines `config` and `from_config`.

    Args:
        space: The search space.

    Example:
        >>> import torch
        >>> from nag.spaces import SpaceModel, load_space
        >>> class Offset(SpaceModel):
        ...     def __init__(self, space, start: float = 0.0):
        ...         super().__init__(space)
        ...         self.start = start
        ...         self.register_buffer("value", torch.tensor(start))
        >>> Offset(load_space("nas_bench_graph"), start=2.0).config()
        {'start': 2.0}
    """

    kind: ClassVar[str] = "model"
    """Kind of its checkpoints."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space

    def config(self) -> dict[str, Any]:
        """Constructor arguments as plain values, but for the space and the training graphs."""
        return arguments_in(self, _GIVEN)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], given: Mapping[str, Any]) -> Self:
        """The model of `config`, before its tensors are loaded.

        Args:
            config: What `config` gave, perhaps by way of a file that was tampered with.
            given: The search space as `space`, and no training graphs as `data`.
        """
        return cls(**arguments_of(cls, config, given))

    @classmethod
    def least_elements(cls, config: Mapping[str, Any]) -> int:
        """Numbers that a model of this configuration has at least: a small file must not ask for a large network."""
        return 0

    def check_state(self) -> None:
        """Raises `ValueError` if a loaded state cannot be one of this model."""

    @classmethod
    def restore(cls, space: SearchSpace, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """The model of a configuration and its tensors, in evaluation mode; no class is made that is not allowed.

        Raises:
            DamagedFile: The configuration or the tensors do not fit.
            InvalidRequest: A class is not allowed, or an argument does not conform.
        """
        try:
            require_elements(tensors, cls.least_elements(config))
            with seeded(0):  # initial weights, which are replaced
                model = cls.from_config(config, {"space": space, "data": space.to_dags([])})
            load_tensors(model, tensors)
            for part in model.modules():
                if isinstance(part, SpaceModel):
                    part.check_state()
        except NagError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
            raise DamagedFile(f"the weights do not fit the configuration of {cls.__name__}", "Train it again.") from error
        return model.eval()


def least_elements_of(description: Mapping[str, Any], expected: type[_Model]) -> int:
    """Numbers that a model described by its class and config has at least; see `SpaceModel.least_elements`."""
    return allowed_class(description["class"], expected, "the file").least_elements(description["config"])


def save_model(
    path: Path | str,
    model: SpaceModel,
    metadata: Mapping[str, Any] | None = None,
    kind: str | None = None,
    extra: Mapping[str, Tensor] | None = None,
) -> None:
    """Saves a model of a search space.

    Args:
        path: The file, by convention `NAME.safetensors`.
        model: A generator, a predictor or a meta-predictor.
        metadata: Facts about its training.
        kind: Kind of the checkpoint, if not that of the model's class.
        extra: Further tensors, whose names begin with `reference.`; they are not the model's.

    Raises:
        InvalidRequest: Weights are not finite, or an argument of its constructor cannot be saved.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nag.predictors import GPPredictor
        >>> from nag.spaces import load_space, save_model
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_model(f"{folder}/p.safetensors", GPPredictor(load_space("nas_bench_graph")), {"note": "untrained"})
        ...     [path.name for path in Path(folder).iterdir()]
        ['p.safetensors']
    """
    path, space = Path(path), model.space
    tensors = {**model.state_dict(), **(extra or {})}
    known = {"space_fingerprint": space.fingerprint, **(metadata or {})}
    save_checkpoint(path, Checkpoint(path, kind or model.kind, describe(model), dict(space.description), known, tensors))


def load_model(
    path: Path | str,
    expected: type[_Model] = SpaceModel,  # type: ignore[assignment]
    plugins: Iterable[str | ModuleType] = (),
) -> _Model:
    """Loads a model of a search space, in evaluation mode on the CPU.

    Args:
        path: A file that `save_model` wrote.
        expected: What it must be, such as `Predictor`.
        plugins: Modules whose classes the file may name, beside nag's and those of installed plug-ins.

    Raises:
        MissingData: No such file.
        DamagedFile: It is damaged.
        InvalidRequest: It holds something else, or a class that is not allowed.

    Example:
        >>> import tempfile
        >>> from nag.predictors import GPPredictor, Predictor
        >>> from nag.spaces import load_model, load_space, save_model
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_model(f"{folder}/p.safetensors", GPPredictor(load_space("nas_bench_graph"), wl_rounds=2))
        ...     model = load_model(f"{folder}/p.safetensors", Predictor)
        >>> type(model).__name__, model.config()["wl_rounds"]
        ('GPPredictor', 2)
    """
    with allow_plugins(plugins):
        return restore_model(load_checkpoint(path), expected)


def restore_model(checkpoint: Checkpoint, expected: type[_Model]) -> _Model:
    """The model of a checkpoint.

    Args:
        checkpoint: What was read.
        expected: What the model must be.

    Raises:
        DamagedFile: It is damaged.
        InvalidRequest: A class is not allowed.
    """
    space = space_from_mapping(checkpoint.space, f"the space in {checkpoint.where}")
    found = allowed_class(checkpoint.description["class"], expected, checkpoint.where)
    own = {name: tensor for name, tensor in checkpoint.tensors.items() if not name.startswith(_EXTRA)}
    return found.restore(space, checkpoint.description["config"], own)
