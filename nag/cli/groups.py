"""Groups of the configuration, such as `strategy`: which there are, their members and options, read from the YAML files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from nag.cli.schemas import Group
from nag.cli.source_signatures import signature_of
from nag.core.errors import InvalidRequest, did_you_mean
from nag.core.hints import is_class
from nag.core.signatures import annotations_of

if TYPE_CHECKING:
    from nag.cli.commands import Command

__all__ = ["default_of", "further_options", "groups_of", "is_group", "members", "option_keys", "option_lines", "root_lines"]


def is_group(annotation: Any) -> bool:
    """Whether an option is a part of the configuration with options of its own."""
    return annotation is Group or (is_class(annotation) and issubclass(annotation, BaseModel))


def groups_of(command: Command) -> list[str]:
    """The groups of a command that have members to choose from, in the order of its options."""
    named = [name for name, annotation in annotations_of(command.schema).items() if is_group(annotation)]
    return [name for name in named if resources.files("nag.conf").joinpath(name).is_dir()]


def members(group: str) -> dict[str, str]:
    """Name of each member of a group -> one line about it."""
    folder = resources.files("nag.conf").joinpath(group)
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    first = {entry.name: entry.read_text(encoding="utf-8").splitlines()[0] for entry in files}
    return {name.removesuffix(".yaml"): line[2:] if line.startswith("# ") else "" for name, line in first.items()}


def default_of(command: Command, group: str) -> str:
    """The member of a group that a command takes unless another one is asked for."""
    for file in (command.config, "base"):
        found = re.search(rf"^  - {group}: (\w+)", _text(f"{file}.yaml"), re.MULTILINE)
        if found:
            return found[1]
    return next(iter(members(group)))


def root_lines(config: str) -> list[str]:
    """Options of a root configuration that are of no group, as its file has them, with their comments."""
    return _lines(f"{config}.yaml")


def option_lines(group: str, member: str) -> list[str]:
    """Options of a group's member, as its file has them, with their comments.

    Raises:
        InvalidRequest: The group has no such member.
    """
    if member not in members(group):
        raise InvalidRequest(f"there is no {group}/{member}", did_you_mean(member, members(group)))
    return _lines(f"{group}/{member}.yaml")


def option_keys(group: str, member: str) -> list[str]:
    """Keys that the options of a group's member may have, such as `strategy.population`."""
    found = {key for key in _document(group, member) if not key.startswith("_")} | set(further_options(group, member))
    return sorted(f"{group}.{key}" for key in found)


def further_options(group: str, member: str) -> dict[str, Any]:
    """Options that the class of a group's member takes and its file leaves at their defaults: name -> type."""
    document = _document(group, member)
    return {
        name: annotation
        for name, annotation in option_types(group, member).items()
        if name not in document and annotation is not Any and not name.startswith("_") and name not in _GIVEN
    }


def option_types(group: str, member: str) -> dict[str, Any]:
    """Types of what the class of a group's member takes, by name; empty where its file names no class of nag."""
    target = str(_document(group, member).get("_target_"))
    return dict(annotations_of(_callable(target))) if target.startswith("nag.") else {}


_GIVEN = {"seed", "data_dir"}  # by the command


def _callable(target: str) -> Callable[..., Any]:
    return signature_of(target)


def _document(group: str, member: str) -> dict[str, Any]:
    """Keys of a member with those of the members that it builds on."""
    own = yaml.safe_load(_text(f"{group}/{member}.yaml")) or {}
    found: dict[str, Any] = {}
    for base in own.pop("defaults", []):
        if isinstance(base, str) and base != "_self_":
            found |= _document(group, base)
        elif isinstance(base, Mapping):
            found |= {str(place).partition("@")[2].partition(".")[0]: {} for place in base}
    return found | own


def _text(file: str) -> str:
    return resources.files("nag.conf").joinpath(file).read_text(encoding="utf-8")


def _lines(file: str) -> list[str]:
    skip, kept = False, []
    for line in _text(file).splitlines():
        if line and not line.startswith((" ", "-", "#")):
            skip = line.startswith(("defaults:", "hydra:"))
        inherited = _inherited(line, file.rpartition("/")[0]) if skip else None
        if inherited is not None:
            kept.append(inherited)
        if not skip and line.strip() and not line.startswith("#"):
            kept.append(line)
    return kept


def _inherited(line: str, group: str) -> str | None:
    """What a line of a member's defaults says to a reader: parts that are members themselves, or the one it builds on."""
    part = re.match(r"\s*- /(\w+)@([\w.]+): (\w+)", line)
    if part:
        return f"{part[2]}: as {part[1]}={part[3]}"
    base = re.match(r"\s*- (\w+)\s*$", line)
    return f"as {group}={base[1]}, but" if group and base and base[1] != "_self_" else None
