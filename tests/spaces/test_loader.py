from __future__ import annotations

import datetime
import time

import pytest

from nag.core.errors import InvalidSpace, NagError
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
        ({**SMALL, 7: 8}, "'7' is 7. Keys should be strings"),
        ({key: value for key, value in SMALL.items() if key != "nodes"}, "'nodes' is missing"),
        ({key: value for key, value in SMALL.items() if key != "edges"}, "'edges' is missing"),
        ({**SMALL, "title": datetime.date(2020, 1, 1)}, "'title' is datetime"),
        ({**SMALL, "operations": {"conv": "parametrik"}}, "unknown role 'parametrik'"),
        ({**SMALL, "operations": {"conv": ["parametric"]}}, "unknown role '['parametric']'"),
        ({**SMALL, "operations": {}}, "must map each operation to its role"),
        ({**SMALL, "operations": ["conv"]}, "must map each operation to its role"),
        ({**SMALL, "operations": {"input": "parametric"}}, "'input' cannot be an operation's name"),
        ({**SMALL, "operations": {"a,b": "parametric"}}, "cannot be an operation's name"),
        ({**SMALL, "inputs": {"conv": "added"}}, "'added' is no way of joining inputs"),
        ({**SMALL, "inputs": {"convv": "summed"}}, "'convv' is no operation. Did you mean 'conv'?"),
        ({**SMALL, "inputs": {"conv": ["summed"]}}, "is no way of joining inputs"),
        ({**SMALL, "inputs": "summed"}, "'inputs' is 'summed'"),
        ({**SMALL, "nodes": 1}, "It must be a number from 2 to 4096"),
        ({**SMALL, "nodes": "four"}, "It must be a number from 2 to 4096"),
        ({**SMALL, "nodes": [4, 2]}, "It must be a number from 2 to 4096"),
        ({**SMALL, "nodes": [2, 3, 4]}, "It must be a number from 2 to 4096"),
        ({**SMALL, "nodes": True}, "It must be a number from 2 to 4096"),
        ({**SMALL, "edges": "fre"}, "It must list pairs [u, v] with 0 <= u < v < 4"),
        ({**FIXED, "edges": [[1, 0]]}, "It must list pairs [u, v] with 0 <= u < v < 4"),
        ({**FIXED, "edges": [[0, 4]]}, "It must list pairs [u, v] with 0 <= u < v < 4"),
        ({**FIXED, "nodes": [3, 4]}, "needs one number of nodes"),
        ({**SMALL, "required": [[0, 3]]}, "It must list pairs [u, v] with 0 <= u < v < 2"),
        ({**SMALL, "forbidden": [[0, 9]]}, "'forbidden' is [[0, 9]]"),
        ({**SMALL, "allowed": [["dense"]]}, "at least one of conv, pool"),
        ({**SMALL, "allowed": [[]]}, "at least one of conv, pool"),
        ({**SMALL, "allowed": [[{"conv": 1}]]}, "at least one of conv, pool"),
        ({**SMALL, "constraints": {"max_edge": 3}}, "Unknown constraint 'max_edge'. Did you mean 'max_edges'?"),
        ({**SMALL, "constraints": {"max_edges": "three"}}, "Constraint 'max_edges' needs a whole number"),
        ({**SMALL, "constraints": {"max_edges": -1}}, "Constraint 'max_edges' needs a whole number"),
        (
            {**SMALL, "codec": {"name": "matrixops"}},
            "'codec.name' is 'matrixops'. This codec cannot be used. Did you mean 'matrix_ops'?",
        ),
        ({**SMALL, "codec": {"name": "op_list"}}, "codec op_list does not fit"),
        ({**SMALL, "codec": {"name": "cell_string"}}, "does not fit the edges"),
        ({**FIXED, "codec": {"name": "cell_string", "cell_nodes": 4}}, "does not fit the edges"),
        ({**FIXED, "codec": {"name": "cell_string", "cell_nodes": "four"}}, "codec.cell_nodes is four"),
        ({**SMALL, "codec": {"name": "links_ops"}}, "codec links_ops does not fit"),
        ({**TREES, "codec": {"name": "links_ops", "length": 3}}, "codec links_ops does not fit"),
        ({**SMALL, "codec": "matrix_ops"}, "'codec' is 'matrix_ops'"),
        ({**SMALL, "costs": {"flops": {"dense": 1}}}, "must map operations (and base) to numbers"),
        ({**SMALL, "costs": {"flops": {"conv": "much"}}}, "'costs.flops.conv' is 'much'"),
        ({**SMALL, "costs": {"flops": 3}}, "must map operations (and base) to numbers"),
    ],
)
def test_mistakes_are_named_with_a_hint(description, what):
    with pytest.raises(InvalidSpace) as caught:
        space_from_mapping(description, "my space")
    assert caught.value.what.startswith("my space")
    assert what in str(caught.value)
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


BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "name: x\nname: y",
        "[" * 100_000,
        "- " * 100_000,
        "a: " + "9" * 5000,
        "\x00",
        "name: !!python/object/apply:os.system [true]",
        "# " + "x" * 3_000_000,
    ],
    ids=["aliases", "duplicates", "lists", "items", "digits", "zero byte", "object", "size"],
)
def test_crafted_files_are_refused_at_once_in_one_line(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NagError) as caught:
        load_space(path)
    assert "mine.yaml" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"nodes": 10**9}, "'nodes'"),
        ({"nodes": [2, 4097]}, "'nodes'"),
        ({"nodes": 4096, "operations": {f"o{i}": "parametric" for i in range(40)}}, "'nodes'"),
        ({"nodes": 10**400}, "'nodes'"),
        ({"nodes": 4.0}, "'nodes'"),
        ({"operations": {f"o{i}": "parametric" for i in range(5000)}}, "'operations'"),
        ({"constraints": {"max_edges": 10**30}}, "'constraints"),
        ({"constraints": {"in_degree": 10**30}}, "'constraints"),
        ({"constraints": {"max_edges": True}}, "'constraints'"),
        ({"constraints": {"all_nodes_on_a_path": 7}}, "'constraints'"),
        ({"codec": {"name": "links_ops", "length": 10**30}}, "codec.length is"),
        ({"codec": {"name": "cell_string", "cell_nodes": 10**6}}, "codec.cell_nodes is"),
        ({"codec": {"name": "cell_string", "cell_nodes": 1}}, "codec.cell_nodes is"),
        ({"codec": {"name": "matrix_ops", "cellnodes": 4}}, "codec.cellnodes"),
        ({"costs": {"flops": {"conv": float("nan")}}}, "'costs.flops.conv'"),
        ({"costs": {"flops": {"conv": float("inf")}}}, "'costs.flops.conv'"),
        ({"costs": {"flops": {"conv": 10**400}}}, "'costs.flops.conv'"),
        ({"costs": {"flops": {"conv": True}}}, "'costs.flops.conv'"),
        ({"costs": {"$(x)": {"conv": 1}}}, "'costs'"),
        ({"name": 201}, "'name'"),
        ({"name": "../x"}, "'name'"),
        ({"name": "x" * 200}, "'name'"),
        ({"title": "two\nlines"}, "'title'"),
        ({"title": "\x1b[31mred"}, "'title'"),
        ({"required": [[0, 1]], "forbidden": [[0, 1]]}, "'forbidden'"),
        ({"required": [[0, 1], [0, 1]]}, "'required'"),
        ({"required": [[0, True]]}, "'required'"),
    ],
)
def test_numbers_and_names_have_bounds(change, key):
    with pytest.raises(InvalidSpace) as caught:
        space_from_mapping({**SMALL, **change}, "my space")
    assert str(caught.value).startswith("my space: ")
    assert key in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "name",
    [
        *("$(touch X)", "a b", "a'b", 'a"b', "a\nb", "a\n", "-rf", "a;b", "a|b", "é", "", "x" * 201),
        *("input", "output", "default", "base", 7, True),
    ],
)
def test_names_of_operations_are_words(name):
    with pytest.raises(InvalidSpace, match=r"cannot be an operation's name\. Use letters, digits, '-' and '_'"):
        space_from_mapping({**SMALL, "operations": {name: "parametric"}})


@pytest.mark.parametrize("name", ["x" * 5000 + ".yaml", "~nobody-of-this-name/x.yaml", "a\x00b.yaml", "x" * 100_000])
def test_impossible_paths_are_no_spaces(name):
    with pytest.raises(InvalidSpace) as caught:
        load_space(name)
    assert len(str(caught.value)) < 400


def test_a_space_of_the_greatest_size_is_loaded_at_once():
    space = space_from_mapping({**SMALL, "nodes": [2, 4096], "codec": {"name": "edge_list"}})
    assert space.decode("conv;0>1,1>2").num_nodes == 3
    assert not is_enumerable(space)


def test_a_long_chain_is_known_to_be_too_large_at_once():
    edges = [[v, v + 1] for v in range(1999)]
    space = space_from_mapping({**SMALL, "nodes": 2000, "edges": edges})
    start = time.process_time()
    assert not is_enumerable(space)
    assert time.process_time() - start < 5
