"""Every root configuration composes and every `_target_` exists."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

CONF = Path(__file__).parents[1] / "conf"
ROOTS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "base")
FILES = sorted(CONF.rglob("*.yaml"))


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
