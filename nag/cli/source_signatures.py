"""Signatures of nag's own functions and classes, read from their source: options are checked without importing torch."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import functools
import inspect
import pathlib
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from nag.cli.targets import locate
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.lazy import names_of

__all__ = ["signature_of"]

_LIGHT = (
    *("collections.abc", "pathlib", "pydantic", "typing", "typing_extensions"),
    *("nag.core.numbers", "nag.core.imports", "nag.evaluation.trials.proxy_names"),
)


def signature_of(target: str, where: str = "_target_") -> Callable[..., Any]:
    """A function or class to look up parameters and their types in, not to be called.

    Args:
        target: Import path, such as `nag.predictors.GNNPredictor`.
        where: The option that names it, for messages.

    Returns:
        For what is in `nag`, a placeholder whose types are those that need no heavy import, the others `Any`; otherwise the
        object itself.

    Raises:
        InvalidRequest: No such function or class, or its module cannot be imported; for what is in `nag`, the hint names
            the closest one.
    """
    if not target.startswith("nag."):
        return locate(target, where)
    name = target.replace(":", ".")
    found = _definition(name)
    if found is not None:
        return _placeholder(*found)
    _require_defined(name, target, where)
    return locate(target, where)


@functools.cache
def _module(name: str) -> tuple[Path, ast.Module] | None:
    """Source file of a module of nag and its tree; nothing is imported."""
    top, *parts = name.split(".")
    place = Path(__file__).parents[1].joinpath(*parts)
    path = next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)
    return None if path is None or top != "nag" else (path, ast.parse(path.read_text(encoding="utf-8")))


def _definition(target: str) -> tuple[str, ast.ClassDef | ast.FunctionDef] | None:
    """The module and the statement that define a function or class; None where the source does not tell."""
    module, _, name = target.rpartition(".")
    found = _module(module) if module else None
    if found is None:
        return None
    for node in found[1].body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return module, node
    home = names_of(found[0].read_text(encoding="utf-8")).get(name)
    return None if home is None else _definition(".".join(home))


def _require_defined(name: str, target: str, where: str) -> None:
    """Raises `InvalidRequest` where the source of a module says that it has no such name."""
    parts = name.split(".")
    length = next(length for length in range(len(parts), 0, -1) if _module(".".join(parts[:length])))
    module, missing = ".".join(parts[:length]), parts[length : length + 1]
    known = _names_in(module)
    if missing and missing[0] not in known:
        public = [each for each in known if not each.startswith("_")]
        what = f"{where} is {shortened(target, 100)}, but module {module} has no '{shortened(missing[0], 60)}'"
        raise InvalidRequest(what, did_you_mean(missing[0], public))


def _names_in(module: str) -> set[str]:
    """Names of all that a module of nag defines or imports, and of its sub-modules."""
    found = _module(module)
    if found is None:
        return set()
    path, tree = found
    named = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    below = path.parent.iterdir() if path.name == "__init__.py" else ()
    inside = {each.stem for each in below if each.suffix == ".py" or (each / "__init__.py").is_file()}
    return named | inside | set(names_of(path.read_text(encoding="utf-8")))


def _placeholder(module: str, node: ast.ClassDef | ast.FunctionDef) -> Callable[..., Any]:
    parameters = _parameters_of(module, node)

    def placeholder() -> None:
        """Only carries a signature."""

    kinds = inspect.Parameter
    resolved = []
    for name, (annotation, kind) in parameters.items():
        resolved.append(kinds(name, kind, annotation=annotation))
    placeholder.__signature__ = inspect.Signature(sorted(resolved, key=lambda each: each.kind))  # type: ignore[attr-defined]
    placeholder.__name__ = node.name
    return placeholder


def _parameters_of(module: str, node: ast.ClassDef | ast.FunctionDef) -> dict[str, tuple[Any, Any]]:
    """Name -> type and kind of each parameter of a function, of a constructor or of a dataclass."""
    if isinstance(node, ast.FunctionDef):
        return _arguments(module, node.args)
    own = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    if own is not None:
        found = _arguments(module, own.args)
        found.pop("self", None)
        return found
    found = {}
    for base in reversed(node.bases):
        home = _home(module, ast.unparse(base))
        found.update({} if home is None else _parameters_of(*home))
    if any("dataclass" in ast.unparse(each) for each in node.decorator_list):
        found.update(_fields(module, node))
    return found


def _fields(module: str, node: ast.ClassDef) -> dict[str, tuple[Any, Any]]:
    """Name -> type and kind of each field in the body of a dataclass or `TypedDict`."""
    return {
        item.target.id: (_evaluated(item.annotation, _scope(module)), inspect.Parameter.KEYWORD_ONLY)
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        if "ClassVar" not in ast.unparse(item.annotation) and not _is_hidden(item.value)
    }


def _is_hidden(value: ast.expr | None) -> bool:
    """Whether a dataclass field is no parameter."""
    return isinstance(value, ast.Call) and any(
        word.arg == "init" and isinstance(word.value, ast.Constant) and word.value.value is False for word in value.keywords
    )


def _home(module: str, name: str) -> tuple[str, ast.ClassDef | ast.FunctionDef] | None:
    return _definition(f"{module}.{name}") if name.isidentifier() else None


def _arguments(module: str, arguments: ast.arguments) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {
        each.arg: (_evaluated(each.annotation, _scope(module)), inspect.Parameter.KEYWORD_ONLY)
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }
    return found if arguments.kwarg is None else found | _further(module, arguments.kwarg)


def _further(module: str, options: ast.arg) -> dict[str, tuple[Any, Any]]:
    """What `**options` takes: the fields of the `TypedDict` that its annotation unpacks, or anything."""
    hint = options.annotation
    if isinstance(hint, ast.Subscript) and ast.unparse(hint.value) == "Unpack":
        home = _home(module, ast.unparse(hint.slice))
        if home is not None and isinstance(home[1], ast.ClassDef):
            return _all_fields(home[0], home[1])
    return {options.arg: (Any, inspect.Parameter.VAR_KEYWORD)}


def _all_fields(module: str, node: ast.ClassDef) -> dict[str, tuple[Any, Any]]:
    """Fields of a `TypedDict`, those of its bases first."""
    found: dict[str, tuple[Any, Any]] = {}
    for base in reversed(node.bases):
        home = _home(module, ast.unparse(base))
        found.update(_all_fields(home[0], home[1]) if home is not None and isinstance(home[1], ast.ClassDef) else {})
    return found | _fields(module, node)


@functools.cache
def _scope(module: str) -> Mapping[str, Any]:
    """What annotations of a module may refer to without a heavy import."""
    scope: dict[str, Any] = {**vars(builtins), "Path": pathlib.Path, "typing": typing, "collections": collections}
    found = _module(module)
    if found is None:
        return scope
    for name, (home, original) in names_of(found[0].read_text(encoding="utf-8")).items():
        if home in _LIGHT:
            scope[name] = getattr(import_module(home), original, Any)
    for node in found[1].body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = ast.unparse(node.value)
            if text.startswith(("Annotated[", "Literal[")):
                scope[node.targets[0].id] = _evaluated(node.value, scope)
    return scope


def _evaluated(annotation: ast.expr | None, scope: Mapping[str, Any]) -> Any:
    """An annotation as an object; `Any` where it names what is not in the scope."""
    if annotation is None:
        return Any
    try:
        return eval(compile(ast.Expression(annotation), "<annotation>", "eval"), dict(scope))
    except Exception:
        return Any
