"""From the words of the command line to a checked configuration: groups by Hydra, values by the type of what takes them.

An option that takes text takes it as it is: paths with blanks, quotes, commas, `=` or letters beyond ASCII need no quoting
but the shell's. Other values (numbers, lists, mappings) are read by Hydra's grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from importlib import resources
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic import BaseModel

from nag.cli.groups import is_group
from nag.cli.presets import choose_presets, presets_of, type_presets
from nag.cli.schemas import CommandOptions, Group
from nag.cli.source_signatures import signature_of
from nag.cli.targets import conform_all, first_line
from nag.core.documents import shortened
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.hints import is_class, shown
from nag.core.imports import is_import_path
from nag.core.signatures import annotations_of, conform

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nag.cli.commands import Command

__all__ = ["compose_options"]

_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_SEARCHPATH = "hydra.searchpath"  # the one option of Hydra itself: where groups are looked for, too
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*")


def compose_options(name: str, command: Command, arguments: Sequence[str]) -> tuple[DictConfig, CommandOptions]:
    """The configuration of a command, and the options that are of no group.

    Args:
        name: The command's name.
        command: The command.
        arguments: Words of the form `key=value`.

    Raises:
        InvalidRequest: An option is unknown, missing, or not what its type admits.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    words = [_named(command, *_parted(word, arguments)) for word in arguments]
    choices = [f"{key}={value}" for key, value in words if _is_choice(command, key, value)]
    values = [(key.lstrip("+"), value) for key, value in words if not _is_choice(command, key, value)]
    _check_early(name, command, [*words, *values])
    cfg = _composed(name, command, choices)
    try:
        for key, text in sorted(values, key=lambda pair: not pair[0].endswith("_target_")):
            _Place(cfg, command, name, key, [key for key, _ in values]).set(text)
        missing = sorted(map(str, OmegaConf.missing_keys(cfg)), key=lambda key: "." in key)
        if missing:
            raise InvalidRequest(f"{missing[0]} is missing", f"Give it as {missing[0]}=VALUE; see `nag {name} --help`.")
        plain = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise InvalidRequest(shortened(first_line(error), 200), f"See `nag {name} --help`.") from error
    assert isinstance(plain, dict)
    options = {str(key): value for key, value in plain.items()}
    conform(command.schema, options)
    for key, part in options.items():
        conform_all(presets_of(part), f"{key}.presets", signature_of)
    chosen = choose_presets(options)
    if chosen != options:
        options, cfg = chosen, OmegaConf.create(chosen)
    for key, annotation in annotations_of(command.schema).items():
        if is_group(annotation):
            own = {"console"} if key == "tracker" else set()  # taken by the command line, not by the tracker
            part = options[key]
            named = {name: value for name, value in part.items() if name not in own} if isinstance(part, Mapping) else part
            conform_all(named, key, signature_of)
    return cfg, command.schema.model_validate(options)


def _check_early(name: str, command: Command, words: Sequence[tuple[str, str]]) -> None:
    """Checks names of options, and texts, before anything is imported for them.

    Raises:
        InvalidRequest: There is no such option, or it does not admit the text.
    """
    fields = annotations_of(command.schema)
    for key, text in words:
        top = re.split(r"[.@/]", key.lstrip("+"))[0]
        if key != _SEARCHPATH and _KEY.fullmatch(key.lstrip("+")) and top not in fields:
            hint = did_you_mean(top, fields) or f"See `nag {name} --help`."
            raise InvalidRequest(f"unknown option '{shortened(key.lstrip('+'), 100)}'", hint)
        if key in fields and _is_text(fields[key]) and "${" not in text:
            conform(command.schema, {key: _value(fields[key], text)})


def _parted(word: str, arguments: Sequence[str]) -> tuple[str, str]:
    """Key and value of a word."""
    key, equals, value = word.partition("=")
    if not equals or word.startswith(("-", "~")):
        spaced = any(text.count("{") > text.count("}") or text.count("[") > text.count("]") for text in arguments)
        hint = "Put an option that has spaces in quotes: 'key={a: 1}'." if spaced else "Options are written key=value."
        raise InvalidRequest(f"'{shortened(word, 100)}' is no option", hint)
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the value of {shortened(key, 100)} is not UTF-8 text", "Rename the file.") from error
    return key, value


def _named(command: Command, key: str, value: str) -> tuple[str, str]:
    """A class or function of the user's for a group, as `predictor=my_package:Mine`, means its `_target_`."""
    is_group = annotations_of(command.schema).get(key) is Group
    return (f"{key}._target_", value) if is_group and is_import_path(value) else (key, value)


def _is_choice(command: Command, key: str, value: str) -> bool:
    """Whether an option is for Hydra: one of its own, or the choice of one of a group's configurations, as `strategy=gp`."""
    if "@" in key or "/" in key or key == _SEARCHPATH:
        return True
    chosen = is_group(annotations_of(command.schema).get(key)) and resources.files("nag.conf").joinpath(key).is_dir()
    return chosen and not value.startswith("{")


def _is_document(annotation: Any) -> bool:
    return is_class(annotation) and issubclass(annotation, BaseModel)


def _composed(name: str, command: Command, choices: Sequence[str]) -> DictConfig:
    """The configuration with these choices of groups."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    for choice in choices:
        key, _, value = choice.partition("=")
        if key != _SEARCHPATH and (not re.fullmatch(r"[\w-]+", value, re.ASCII) or value == "null"):
            raise InvalidRequest(f"{shortened(key, 100)} is {shown(value)}", f"It must be a name; see `nag {name} --help`.")
    with initialize_config_module("nag.conf", version_base="1.3"):
        try:
            found = compose(command.config, list(choices))
        except (HydraException, OmegaConfBaseException) as error:
            known, missing = getattr(error, "options", None), str(getattr(error, "missing_cfg_file", "") or "")
            if known and missing:
                raise InvalidRequest(f"there is no {missing}", did_you_mean(missing.rpartition("/")[2], known)) from error
            raise InvalidRequest(shortened(first_line(error), 200), f"See `nag {name} --help`.") from error
    type_presets(found)
    return found


class _Place:
    """Where a key leads in a configuration, and what may stand there."""

    def __init__(self, cfg: DictConfig, command: Command, name: str, key: str, given: Sequence[str]) -> None:
        self.cfg, self.command, self.name, self.key, self.given = cfg, command, name, key, given
        if not _KEY.fullmatch(key):
            raise InvalidRequest(f"unknown option '{shortened(key, 100)}'", f"See `nag {name} --help`.")
        self.holder: Any = cfg
        self.annotation: Any = command.schema
        node: Any = cfg
        for index, part in enumerate(key.split(".")):
            self.annotation = self._step(node, self.annotation, part, key.split(".")[:index])
            self.holder, node = node, _under(node, part)

    def set(self, text: str) -> None:
        """Sets the value that a text stands for, read as the type says."""
        from omegaconf import OmegaConf

        if self.key.endswith("._target_"):
            self._retarget(text)
        value: Any = _value(self.annotation, text)
        if get_origin(_without_none(self.annotation)) is Callable and is_import_path(text):
            value = {"_target_": text, "_partial_": True}
        OmegaConf.update(self.cfg, self.key, value, merge=isinstance(value, Mapping), force_add=True)

    def _step(self, node: Any, annotation: Any, part: str, before: Sequence[str]) -> Any:
        """What may stand under a part of the key."""
        annotation = _without_none(annotation)
        if _is_document(annotation):
            fields = annotations_of(annotation)
            return fields[part] if part in fields else self._unknown(part, before, fields)
        if get_origin(annotation) in (dict, Mapping) or annotation is dict:
            return get_args(annotation)[1] if get_args(annotation) else Any
        if isinstance(node, Mapping) and "_target_" in node:
            fields = annotations_of(signature_of(str(node["_target_"]), f"{'.'.join(before)}._target_"))
            if part in ("_target_", "_partial_", "_convert_"):
                return str if part == "_target_" else Any
            if part not in fields and part not in node:
                self._unknown(part, before, [str(name) for name in node if not str(name).startswith("_")] or fields)
            return fields.get(part, Any)
        if part == "_target_":
            return str
        if isinstance(node, Mapping) and (part in node or not len(node)):
            return Any
        return self._unknown(part, before, [str(name) for name in node] if isinstance(node, Mapping) else [])

    def _unknown(self, part: str, before: Sequence[str], known: Any) -> NoReturn:
        from omegaconf import OmegaConf

        hint = did_you_mean(part, [str(name) for name in known]) or f"See `nag {self.name} --help`."
        parent = ".".join(before)
        if parent:
            usual = OmegaConf.select(_composed(self.name, self.command, []), parent)
            if isinstance(usual, Mapping) and part in usual:  # only another choice of the group has it
                hint = f"The chosen {parent} has no '{part}'. {hint}"
        raise InvalidRequest(f"unknown option '{shortened(self.key, 100)}'", hint)

    def _retarget(self, target: str) -> None:
        """Drops options of the preset that another target does not take, unless they were given."""
        if not isinstance(self.holder, MutableMapping):
            return
        from omegaconf import open_dict

        takes = annotations_of(signature_of(target, self.key))
        for name in [str(name) for name in self.holder]:
            full = f"{self.key.removesuffix('_target_')}{name}"
            if not name.startswith("_") and name not in takes and full not in self.given:
                with open_dict(self.holder):  # type: ignore[arg-type]
                    del self.holder[name]


def _under(node: Any, part: str) -> Any:
    from omegaconf import OmegaConf

    return node.get(part) if isinstance(node, Mapping) and not OmegaConf.is_missing(node, part) else None


def _without_none(annotation: Any) -> Any:
    """The only other member of an optional type."""
    if get_origin(annotation) in (Union, UnionType):
        others = [part for part in get_args(annotation) if part not in (None, NoneType)]
        return _without_none(others[0]) if len(others) == 1 else annotation
    if get_origin(annotation) is Annotated and annotation is not Group:
        return _without_none(get_args(annotation)[0])
    return annotation


def _is_text(annotation: Any) -> bool:
    annotation = _without_none(annotation)
    if get_origin(annotation) is Literal:
        return all(isinstance(choice, str) for choice in get_args(annotation))
    return annotation is str


def _value(annotation: Any, text: str) -> Any:
    """What a text stands for where a type is expected."""
    inner = _without_none(annotation)
    if _is_text(inner):
        return _literal(text)
    if get_origin(inner) in (list, Sequence, tuple) and get_args(inner) and _is_text(get_args(inner)[0]):
        if text == "null":
            return None
        inside = text.strip()
        if not (inside.startswith("[") and inside.endswith("]")) or _exists(text):
            return [_literal(text)]
        return [_literal(item.strip()) for item in _split(inside[1:-1])]
    if get_origin(inner) in (dict, Mapping) and len(get_args(inner)) == 2 and _is_text(get_args(inner)[1]):
        inside = text.strip()
        if inside.startswith("{") and inside.endswith("}"):
            pairs = [item.partition(":") for item in _split(inside[1:-1])]
            return {key.strip(): _literal(value.strip()) if colon else None for key, colon, value in pairs}
    return _parsed(text)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name
        return False


def _split(text: str) -> list[str]:
    """The parts of a list, by the commas outside quotes."""
    parts = re.findall(r"""(?:\s*(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(?=,|$)|[^,])+""", text)
    return [part for part in parts if part.strip()]


def _literal(text: str) -> str | None:
    """A text as it is, but for quotes around all of it, and null."""
    if text == "null":
        return None
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None and not _exists(text):
        text = text[1:-1].replace("\\" + text[0], text[0])
    return _plain(text)


def _parsed(text: str) -> Any:
    """A value by Hydra's grammar; the text itself where it is none."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(f"key={text}")
    except HydraException:
        return _plain(text)
    return _plain(text) if override.is_sweep_override() else override.value()


def _plain(text: str) -> str:
    """A text of which OmegaConf makes no interpolation."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
