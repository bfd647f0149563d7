"""`preset=NAME` chooses options of a group's member."""

from __future__ import annotations

import pytest

from nag.cli.commands import COMMANDS
from nag.cli.composition import compose_options
from nag.cli.presets import choose_presets
from nag.core.errors import InvalidRequest

SUITE = {"_target_": "mine:Suite", "task": "digits", "presets": {"full": {"seeds": 5, "labels": 9}, "quick": {"seeds": 1}}}


def test_the_options_of_the_chosen_preset_join_those_of_the_member():
    assert choose_presets({"preset": "quick", "suite": SUITE, "jobs": 1}) == {
        "preset": "quick",
        "suite": {"_target_": "mine:Suite", "task": "digits", "seeds": 1},
        "jobs": 1,
    }


def test_what_stands_beside_the_presets_holds_for_each():
    found = choose_presets({"preset": "full", "suite": {**SUITE, "seeds": 2}})
    assert found["suite"] == {"_target_": "mine:Suite", "task": "digits", "seeds": 2, "labels": 9}


def test_a_configuration_without_presets_stays_as_it_is():
    options = {"preset": "any", "suite": {"_target_": "mine:Suite"}, "task": "digits"}
    assert choose_presets(options) == options


def test_an_unknown_preset_is_told():
    with pytest.raises(InvalidRequest, match="unknown preset 'quik'") as caught:
        choose_presets({"preset": "quik", "suite": SUITE})
    assert "quick" in caught.value.hint


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("suite.presets.quick.workers=many", r"suite\.presets\.quick\.workers"),
        ("suite.presets.quick.worker=2", r"suite\.presets\.quick\.worker'"),
        ("suite.workers=many", r"suite\.workers"),
    ],
)
def test_options_of_presets_are_those_of_the_class(word, fault):
    with pytest.raises(InvalidRequest, match=fault):
        compose_options("benchmark", COMMANDS["benchmark"], ["suite=store", "preset=quick", word])


def test_an_option_is_set_for_one_preset_or_for_whichever_is_chosen():
    words = ("suite.presets.quick.workers=2", "suite.presets.full.workers=3", "suite.rows=7")
    cfg, _ = compose_options("benchmark", COMMANDS["benchmark"], ["suite=store", "preset=quick", *words])
    assert (cfg.suite.workers, cfg.suite.rows, "presets" in cfg.suite) == (2, 7, False)
