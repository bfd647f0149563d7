"""Presets: a group's member with `presets` takes the options of the one that `preset=NAME` chooses, beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nag.core.errors import InvalidRequest, did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["choose_presets", "presets_of", "type_presets"]


def presets_of(part: Any) -> dict[str, Any]:
    """The presets of a part of the configuration, by name."""
    presets = part.get("presets") if isinstance(part, Mapping) and "_target_" in part else None
    return {str(name): preset for name, preset in presets.items()} if isinstance(presets, Mapping) else {}


def type_presets(cfg: DictConfig) -> None:
    """Lets the options of each preset be those of the class that its member names."""
    from omegaconf import OmegaConf, open_dict

    for part in (cfg[name] for name in cfg if not OmegaConf.is_missing(cfg, name)):
        for preset in presets_of(part).values():
            with open_dict(preset):
                preset["_target_"] = part["_target_"]


def choose_presets(options: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the options of the chosen preset in place of all presets; a member's own hold for each.

    Raises:
        InvalidRequest: There is no preset of that name.
    """
    found, chosen = dict(options), str(options.get("preset"))
    for name, part in options.items():
        presets = presets_of(part)
        if presets:
            if chosen not in presets:
                raise InvalidRequest(f"unknown preset '{chosen}'", did_you_mean(chosen, presets))
            found[name] = {**presets[chosen], **{key: value for key, value in part.items() if key != "presets"}}
    return found
