"""Random texts and descriptions: a space or an architecture, or one short line that says why not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nag.core.errors import InvalidArchitecture, InvalidSpace, NagError
from nag.spaces import list_spaces, load_space, space_from_mapping

PIECES = st.sampled_from(
    [
        *"|~+,:;/ ><[](){}01239-'\"\n\x00é",
        "0>1",
        "0,0",
        "[0,1]",
        "input",
        "output",
        "skip",
        "gcn",
        "op_29",
        "maxpool3x3",
        "none~0",
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["conv", "free", 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
INNER = st.sampled_from([None, "name", "conv", "flops", "default", "max_edges"])
DESCRIPTION = {
    "name": "random",
    "title": "Random",
    "operations": {"conv": "parametric", "pool": "mergeable"},
    "inputs": {"default": "summed"},
    "nodes": [2, 4],
    "edges": "free",
    "allowed": [["conv", "pool"]],
    "required": [[0, 1]],
    "forbidden": [[0, 3]],
    "constraints": {"max_edges": 4},
    "codec": {"name": "edge_list"},
    "costs": {"flops": {"conv": 1.5}},
}


def expect_short(error: NagError, start: str = "") -> None:
    text = str(error)
    assert text.startswith(start)
    assert text.isprintable()
    assert len(text) < 500


@pytest.mark.parametrize("name", list_spaces())
def test_random_texts_are_architectures_or_refused(name):
    space = load_space(name)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(TEXTS)
    def law(text: str) -> None:
        try:
            arch = space.decode(text)
        except InvalidArchitecture as error:
            expect_short(error)
        else:
            assert space.decode(space.encode(arch)) == arch

    law()


def test_random_descriptions_are_spaces_or_refused():
    @settings(max_examples=250, deadline=None, derandomize=True, database=None)
    @given(
        st.sampled_from(sorted(DESCRIPTION)), VALUES, st.sampled_from([None, *DESCRIPTION["codec"], "conv", "flops", "default"])
    )
    def law(key: str, value: object, inner: str | None) -> None:
        old = DESCRIPTION[key]
        changed = {**old, inner: value} if inner is not None and isinstance(old, dict) else value
        try:
            space = space_from_mapping({**DESCRIPTION, key: changed}, "my space")
        except InvalidSpace as error:
            expect_short(error, "my space: ")
        else:
            assert space.masks.nodes.shape[0] == space.max_nodes + 1

    law()
