from __future__ import annotations

import datetime

import pytest

from nag.errors import InvalidSpace
from nag.spaces import is_enumerable, list_spaces, load_space, space_from_mapping

SMALL = {"name": "small", "operations": {"conv": "parametric", "pool": "mergeable"}, "nodes": [2, 4], "edges": "free"}
FIXED = {"name": "fixed", "operations": {"conv": "parametric"}, "nodes": 4, "edges": [[0, 1], [1, 2], [2, 3]]}
TREES = {**SMALL, "nodes": 4, "constraints": {"in_degree": 1, "output_from_leaves": True}}


@pytest.mark.parametrize(
    ("description", "what"),
    [
        ("text", "no mapping"),
        (None, "no mapping"),
        ([SMALL], "no mapping"),
        ({**SMALL, "operation": {}}, "unknown key 'operation'"),
        ({**SMALL, 7: 8}, "unknown key '7'"),
        ({key: value for key, value in SMALL.items() if key != "nodes"}, "key 'nodes' is missing"),
        ({key: value for key, value in SMALL.items() if key != "edges"}, "key 'edges' is missing"),
        ({**SMALL, "title": datetime.date(2020, 1, 1)}, "only texts, numbers"),
        ({**SMALL, "operations": {"conv": "parametrik"}}, "unknown role 'parametrik'"),
        ({**SMALL, "operations": {"conv": ["parametric"]}}, "unknown role"),
        ({**SMALL, "operations": {}}, "'operations' must map"),
        ({**SMALL, "operations": ["conv"]}, "'operations' must map"),
        ({**SMALL, "operations": {"input": "parametric"}}, "'input' cannot be an operation's name"),
        ({**SMALL, "operations": {"a,b": "parametric"}}, "cannot be an operation's name"),
        ({**SMALL, "inputs": {"conv": "added"}}, "is not understood"),
        ({**SMALL, "inputs": {"convv": "summed"}}, "is not understood"),
        ({**SMALL, "inputs": {"conv": ["summed"]}}, "is not understood"),
        ({**SMALL, "inputs": "summed"}, "'inputs' must be a mapping"),
        ({**SMALL, "nodes": 1}, "'nodes' must be"),
        ({**SMALL, "nodes": "four"}, "'nodes' must be"),
        ({**SMALL, "nodes": [4, 2]}, "'nodes' must be"),
        ({**SMALL, "nodes": [2, 3, 4]}, "'nodes' must be"),
        ({**SMALL, "nodes": True}, "'nodes' must be"),
        ({**SMALL, "edges": "fre"}, "'edges' must list pairs"),
        ({**FIXED, "edges": [[1, 0]]}, "'edges' must list pairs"),
        ({**FIXED, "edges": [[0, 4]]}, "'edges' must list pairs"),
        ({**FIXED, "nodes": [3, 4]}, "one number of nodes"),
        ({**SMALL, "required": [[0, 3]]}, "'required' must list pairs"),
        ({**SMALL, "forbidden": [[0, 9]]}, "'forbidden' must list pairs"),
        ({**SMALL, "allowed": [["dense"]]}, "'allowed' must list"),
        ({**SMALL, "allowed": [[]]}, "'allowed' must list"),
        ({**SMALL, "allowed": [[{"conv": 1}]]}, "'allowed' must list"),
        ({**SMALL, "constraints": {"max_edge": 3}}, "unknown constraint 'max_edge'"),
        ({**SMALL, "constraints": {"max_edges": "three"}}, "constraint 'max_edges' needs a number"),
        ({**SMALL, "constraints": {"max_edges": -1}}, "constraint 'max_edges' needs a number"),
        ({**SMALL, "codec": {"name": "matrixops"}}, "codec 'matrixops' cannot be used"),
        ({**SMALL, "codec": {"name": "op_list"}}, "codec 'op_list' cannot be used"),
        ({**SMALL, "codec": {"name": "cell_string"}}, "does not fit the edges"),
        ({**FIXED, "codec": {"name": "cell_string", "cell_nodes": 4}}, "does not fit the edges"),
        ({**FIXED, "codec": {"name": "cell_string", "cell_nodes": "four"}}, "'cell_nodes' must be a positive number"),
        ({**SMALL, "codec": {"name": "links_ops"}}, "codec links_ops does not fit"),
        ({**TREES, "codec": {"name": "links_ops", "length": 3}}, "codec links_ops does not fit"),
        ({**SMALL, "codec": "matrix_ops"}, "'codec' must be a mapping"),
        ({**SMALL, "costs": {"flops": {"dense": 1}}}, "cost 'flops'"),
        ({**SMALL, "costs": {"flops": {"conv": "much"}}}, "cost 'flops'"),
        ({**SMALL, "costs": {"flops": 3}}, "cost 'flops'"),
    ],
)
def test_mistakes_are_named_with_a_hint(description, what):
    with pytest.raises(InvalidSpace) as caught:
        space_from_mapping(description, "my space")
    assert caught.value.what.startswith("my space")
    assert what in caught.value.what
    assert caught.value.hint


def test_the_descriptions_without_a_mistake_are_spaces():
    assert all(is_enumerable(space_from_mapping(good)) for good in (SMALL, FIXED, TREES))
    assert space_from_mapping({**TREES, "codec": {"name": "links_ops"}}).codec.length == 2


def test_close_names_are_suggested():
    with pytest.raises(InvalidSpace, match="Did you mean 'operations'"):
        space_from_mapping({**SMALL, "operation": {}})
    with pytest.raises(InvalidSpace, match="Did you mean 'nasbench201'"):
        load_space("nasbench_201")


def test_unreadable_files_are_named(tmp_path):
    missing, broken, text = (tmp_path / name for name in ("missing.yaml", "broken.yaml", "text.yaml"))
    broken.write_text("name: [unclosed", encoding="utf-8")
    text.write_text("only text", encoding="utf-8")
    for path, what in ((missing, "does not exist"), (broken, "is not YAML"), (text, "holds no mapping")):
        with pytest.raises(InvalidSpace, match=what) as caught:
            load_space(path)
        assert str(path) in caught.value.what
        assert caught.value.hint


def test_a_file_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{name: mine, operations: {conv: parametric}, nodes: 3, edges: free}", encoding="utf-8")
    space = load_space(path)
    assert (space.name, space.max_nodes, space.vocabulary) == ("mine", 3, ("input", "output", "conv"))


def test_the_fingerprint_follows_the_description():
    base = space_from_mapping(SMALL)
    assert space_from_mapping(dict(reversed(SMALL.items()))).fingerprint == base.fingerprint
    others = [
        {**SMALL, "name": "other"},
        {**SMALL, "nodes": [2, 3]},
        {**SMALL, "operations": {"conv": "parametric", "pool": "parametric"}},
        {**SMALL, "constraints": {"max_edges": 3}},
        {**SMALL, "required": [[0, 1]]},
        {**SMALL, "costs": {"flops": {"conv": 1}}},
    ]
    prints = {base.fingerprint, *(space_from_mapping(other).fingerprint for other in others)}
    assert len(prints) == 1 + len(others)
    shipped = [load_space(name).fingerprint for name in list_spaces()]
    assert len(set(shipped)) == len(shipped)
    assert [load_space(name).fingerprint for name in list_spaces()] == shipped


def test_a_constraint_set_to_false_is_none():
    assert space_from_mapping({**SMALL, "constraints": {"all_nodes_on_a_path": False}}).constraints == ()
