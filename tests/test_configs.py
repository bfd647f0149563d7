"""Every root configuration composes and every `_target_` exists."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from nag.cli.commands import COMMANDS
from nag.cli.targets import conform_all
from nag.core.signatures import annotations_of, conform

CONF = Path(__file__).parents[1] / "conf"
ROOTS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "base")
FILES = sorted(CONF.rglob("*.yaml"))
GROUPS = [file for file in FILES if file.parent != CONF]


def targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [target for value in node.values() for target in targets(value)]
    return [target for value in node for target in targets(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("root", ROOTS)
def test_roots_compose(root):
    with initialize_config_module("nag.conf", version_base="1.3"):
        cfg = OmegaConf.to_container(compose(root), resolve=True)
    assert {"seed", "out_dir", "device", "threads", "data_dir", "tracker"} <= set(cfg)


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_targets_resolve(file):
    for target in targets(yaml.safe_load(file.read_text())):
        module, _, name = target.rpartition(".")
        assert callable(getattr(import_module(module), name)), target


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_type(name):
    """A command's schema and its root configuration have the same options, and the defaults pass the schema."""
    command = COMMANDS[name]
    with initialize_config_module("nag.conf", version_base="1.3"):
        cfg = compose(command.config)
    assert set(annotations_of(command.schema)) == set(map(str, cfg))
    missing = {str(key) for key in OmegaConf.missing_keys(cfg)}
    values = OmegaConf.to_container(cfg, resolve=True)
    conform(command.schema, {key: value for key, value in values.items() if key not in missing})


@pytest.mark.parametrize("file", GROUPS, ids=lambda path: str(path.relative_to(CONF)))
def test_defaults_of_groups_pass_their_types(file):
    with initialize_config_module("nag.conf", version_base="1.3"):
        cfg = compose(overrides=[f"+{file.parent.name}={file.stem}"])
    values = OmegaConf.to_container(cfg, resolve=True)[file.parent.name]
    if file.parent.name == "tracker":
        assert values.pop("console") is True  # read by the command line, whichever the tracker
    own = {key: value for key, value in values.items() if value != "???" and key != "presets"}
    for options in (own, *({**own, **preset} for preset in values.get("presets", {}).values())):
        conform_all(options, file.parent.name)
