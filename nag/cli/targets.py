"""Objects of the configuration: each `_target_` is imported, its options checked by its type hints, and only then made."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, MissingData, NagError
from nag.core.imports import is_import_path, load_callable
from nag.core.signatures import conform

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["build", "conform_all", "first_line", "locate"]


def locate(target: str, where: str = "_target_") -> Callable[..., Any]:
    """A function or class by its import path; modules of the current folder are found too.

    Args:
        target: Such as `nag.predictors.GNNPredictor`, `my_package.networks:Builder` or `path/to/file.py:Builder`.
        where: The option that names it, for the message.

    Raises:
        InvalidRequest: No such function or class, or its module cannot be imported.
    """
    if is_import_path(target):
        try:
            return load_callable(target)
        except NagError as error:
            raise InvalidRequest(f"{where}: {error.what}", error.hint) from error
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise InvalidRequest(f"{where} is {shortened(target, 100)}", "It must be MODULE:NAME, such as mine:Builder.")
    here = os.getcwd()
    if parts[0] != "nag" and here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    found: Any = None
    for place, part in enumerate(parts):
        module = ".".join(parts[: place + 1])
        if found is not None and hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not module.startswith(error.name):
                raise InvalidRequest(f"{where}: module {module} cannot be imported: {error}", "Install it.") from error
            told = f"module {'.'.join(parts[:place])} has no '{part}'" if place else f"there is no module '{module}'"
            raise InvalidRequest(f"{where} is {target}, but {told}", "Run nag in the folder of the module's file.") from error
        except Exception as error:  # whatever a user's module raises
            raise InvalidRequest(f"{where}: module {module} cannot be imported: {_told(error)}", "Correct the file.") from error
    if not callable(found):
        raise InvalidRequest(f"{where} is {target}", "It must be a function or a class.")
    return found


def build(part: DictConfig) -> Any:
    """The object of a group, or for a `_partial_` one a function that makes it.

    Raises:
        InvalidRequest: An option is unknown, of the wrong kind or out of range, or the object refuses it.
    """
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(part, resolve=True)
    where = str(part._get_full_key(None))
    assert isinstance(plain, dict)
    conform_all({str(key): value for key, value in plain.items()}, where)
    target = str(part.get("_target_", "an object"))

    def told(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return make(*args, **kwargs)
        except NagError:
            raise
        except Exception as error:  # whatever a user's class raises
            cause = _cause(error)
            if isinstance(cause, NagError):
                raise cause from error
            raise InvalidRequest(f"cannot build {target}: {_told(cause)}", f"Check the options of {where}.") from error

    made = told(instantiate, _located(plain, where) if _names_import_paths(plain) else part)
    return partial(told, made) if part.get("_partial_") else made


def conform_all(value: Any, where: str, find: Callable[[str, str], Callable[..., Any]] = locate) -> None:
    """Checks the options of every `_target_` in a nested configuration.

    Args:
        value: The configuration.
        where: Its key, for messages.
        find: Finds the function or class that a target names, by the target and its key.

    Raises:
        InvalidRequest: With the full key of the option at fault.
    """
    if isinstance(value, Mapping):
        target = value.get("_target_")
        for name, item in value.items():
            if item == "???":
                raise InvalidRequest(f"{where}.{name} is missing", f"Give it as {where}.{name}=VALUE.")
        if target is not None:
            options = {name: item for name, item in value.items() if not _is_hydra(name)}
            conform(find(str(target), f"{where}._target_"), options, where)
        for name, item in value.items():
            conform_all(item, f"{where}.{name}", find)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            conform_all(item, f"{where}[{index}]", find)


def _names_import_paths(value: Any) -> bool:
    """Whether a target in a nested configuration is an import path with a colon, which Hydra does not know."""
    if isinstance(value, Mapping):
        return is_import_path(str(value.get("_target_"))) or any(map(_names_import_paths, value.values()))
    return isinstance(value, list) and any(map(_names_import_paths, value))


def _located(value: Any, where: str) -> Any:
    """A nested configuration with functions and classes in place of the names of its targets."""
    if isinstance(value, Mapping):
        found = {name: _located(item, f"{where}.{name}") for name, item in value.items()}
        return {**found, "_target_": locate(str(value["_target_"]), where)} if "_target_" in value else found
    return [_located(item, where) for item in value] if isinstance(value, list) else value


def first_line(error: BaseException) -> str:
    """The first line of a message, without its full stop."""
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text.strip().rstrip(".")


def _is_hydra(name: str) -> bool:
    return name in {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}


def _cause(error: BaseException) -> BaseException:
    """What an error of Hydra's instantiation goes back to."""
    while type(error).__name__ == "InstantiationException" and error.__cause__ is not None:
        error = error.__cause__
    return error


def _told(error: BaseException) -> str:
    return first_line(error) if isinstance(error, NagError | MissingData) else f"{type(error).__name__}: {first_line(error)}"
