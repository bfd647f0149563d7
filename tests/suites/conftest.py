"""Fixtures of the tests of suites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nag.cli.commands import COMMANDS
from nag.cli.composition import compose_options
from nag.cli.targets import build
from nag.suites import Suite


@pytest.fixture(scope="session")
def suite_of() -> Callable[..., Suite]:
    """(name, preset, setting=value, ...) -> a shipped suite, as `nag benchmark` makes it."""

    def made(name: str, preset: str = "quick", **changes) -> Suite:
        cfg, _ = compose_options("benchmark", COMMANDS["benchmark"], [f"suite={name}", f"preset={preset}"])
        return replace(build(cfg.suite), **changes)

    return made
