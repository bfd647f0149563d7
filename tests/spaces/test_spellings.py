"""Spellings of architectures: native strings restore every architecture, and what people have is read."""

from __future__ import annotations

import time

import pytest

from nag.core.errors import InvalidArchitecture
from nag.graphs import Architecture
from nag.spaces import load_space, space_from_mapping

FIXED = {"operations": {"conv": "parametric", "pool": "mergeable", "-".join("ab"): "zero"}}
CELLS = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def line(nodes: int, **more: object):
    return space_from_mapping(
        {**FIXED, "name": "line", "nodes": nodes, "edges": [[i, i + 1] for i in range(nodes - 1)], **more}
    )


def free(nodes: int, **more: object):
    return space_from_mapping({**FIXED, "name": "free", "nodes": [2, nodes], "edges": "free", **more})


@pytest.mark.parametrize("nodes", [2, 3, 4])
@pytest.mark.parametrize(
    "space_of",
    [
        line,
        lambda n: line(n, codec={"name": "matrix_ops"}),
        lambda n: line(n, codec={"name": "edge_list"}),
        free,
        lambda n: free(n, codec={"name": "edge_list"}),
    ],
    ids=["op_list", "matrix_ops", "edge_list", "free matrix_ops", "free edge_list"],
)
def test_native_strings_of_small_spaces_restore_the_architecture(space_of, nodes):
    space = space_of(nodes)
    ops = ("input", *("conv", "pool")[: nodes - 2], "output")
    arch = Architecture(ops, tuple((i, i + 1) for i in range(nodes - 1)))
    text = space.encode(arch)
    assert text.strip()
    assert space.decode(text) == arch
    assert space.decode(f" {text}\n") == arch


def test_the_smallest_cells_and_trees_are_restored():
    cell = space_from_mapping(
        {**FIXED, "name": "cell", "nodes": 3, "edges": [[0, 1], [1, 2]], "codec": {"name": "cell_string", "cell_nodes": 2}}
    )
    rules = {"in_degree": 1, "output_from_leaves": True}
    tree = space_from_mapping(
        {**FIXED, "name": "tree", "nodes": 3, "edges": "free", "constraints": rules, "codec": {"name": "links_ops"}}
    )
    arch = Architecture(("input", "conv", "output"), ((0, 1), (1, 2)))
    assert [space.encode(arch) for space in (cell, tree)] == ["|conv~0|", "0|conv"]
    assert [space.decode(space.encode(arch)) for space in (cell, tree)] == [arch, arch]


@pytest.mark.parametrize("text", ["(4, 0, 3, 1, 4, 3)", "[4, 0, 3, 1, 4, 3]", "4,0,3,1,4,3", " 4 0 3 1 4 3 ", "(4,0,3,1,4,3,)"])
def test_numbers_of_operations_are_read_in_the_order_of_the_file(text):
    """NASLib's own conversion of (4, 0, 3, 1, 4, 3) gives this cell string."""
    space = load_space("nasbench201")
    assert space.encode(space.decode(text)) == CELLS


def test_numbers_go_to_the_edges_that_they_are_about():
    space = load_space("nasbench201")
    pairs = ["0>1", "0>2", "0>3", "1>2", "1>3", "2>3"]
    for place, pair in enumerate(pairs):
        numbers = [1] * 6
        numbers[place] = 2
        cell = space.encode(space.decode(str(tuple(numbers))))
        source, target = pair.split(">")
        group = cell.split("+")[int(target) - 1]
        assert [item for item in group.strip("|").split("|") if item.startswith("nor_conv_3x3")] == [f"nor_conv_3x3~{source}"]
        assert cell.count("nor_conv_3x3") == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("(4, 0, 3, 1, 4)", "has 5 numbers. It needs 6"),
        ("(5, 0, 3, 1, 4, 3)", "no operation has the number 5. Numbers: 0 skip_connect, 1 none"),
        ("(-1, 0, 3, 1, 4, 3)", "is no cell string"),
        (
            "Genotype(normal=[('sep_conv_3x3', 0)], normal_concat=range(2, 6), reduce=[], reduce_concat=[2])",
            "genotype of two cells",
        ),
    ],
)
def test_other_spellings_are_refused_with_the_reason(text, what):
    with pytest.raises(InvalidArchitecture) as caught:
        load_space("nasbench201").decode(text)
    assert what in str(caught.value)


def test_numbers_of_an_operation_list():
    space = line(4, codec={"name": "op_list", "numbers": {"operations": ["pool", "conv"], "nodes": [2, 1]}})
    assert space.encode(space.decode("[0, 1]")) == "conv,pool"
    assert space.encode(space.decode("conv,pool")) == "conv,pool"
    assert space.fingerprint == line(4, codec={"name": "op_list"}).fingerprint


@pytest.mark.parametrize(
    "numbers",
    [
        {"operations": ["dense"]},
        {"operations": []},
        {"operations": ["conv"], "nodes": [1]},
        {"operations": ["conv"], "nodes": [1, 1]},
        {"operations": ["conv"], "nodes": [0, 1]},
        {"nodes": [1, 2]},
        "conv",
    ],
)
def test_wrong_numberings_are_named(numbers):
    with pytest.raises(ValueError, match=r"codec\.numbers"):
        line(4, codec={"name": "op_list", "numbers": numbers})


@pytest.mark.parametrize(
    "text", [CELLS.replace("+", " + "), CELLS.replace("|+|", "| + |\n"), f"'{CELLS}'", CELLS.replace("~", " ~ ")]
)
def test_blanks_in_cell_strings_do_not_matter(text):
    space = load_space("nasbench201")
    assert space.encode(space.decode(text)) == CELLS


CONV, POOL = "conv3x3-bn-relu", "maxpool3x3"
MATRIX = f"0110/0001/0001/0000:input,{CONV},{POOL},output"
LISTS = "[[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]"


@pytest.mark.parametrize(
    "text",
    [
        f"{LISTS}:input,{CONV},{POOL},output",
        f"{LISTS}, ['input', '{CONV}', '{POOL}', 'output']",
        f"({LISTS}, ('input', '{CONV}', '{POOL}', 'output'))",
        f'{{"matrix": {LISTS}, "ops": ["input", "{CONV}", "{POOL}", "output"]}}',
        f'{{"ops": ["input", "{CONV}", "{POOL}", "output"], "matrix": {LISTS}}}',
        f"ModelSpec(matrix={LISTS}, ops=['input', '{CONV}', '{POOL}', 'output'])",
        f"[[0 1 1 0]\n [0 0 0 1]\n [0 0 0 1]\n [0 0 0 0]] input, {CONV}, {POOL}, output",
        f"array({LISTS}): input, {CONV}, {POOL}, output",
    ],
)
def test_matrices_as_nested_lists_are_read(text):
    space = load_space("nasbench101")
    assert space.encode(space.decode(text)) == MATRIX


def test_the_smallest_nested_list():
    assert load_space("nasbench101").decode("[[0,1],[0,0]]:input,output").ops == ("input", "output")


@pytest.mark.parametrize(
    ("matrix", "ops", "pruned"),
    [
        ("0101/0001/0001/0000", f"input,{CONV},{POOL},output", f"011/001/000:input,{CONV},output"),  # read from nothing
        ("0110/0001/0000/0000", f"input,{CONV},{POOL},output", f"010/001/000:input,{CONV},output"),  # read by nothing
        ("01110/00001/00010/00000/00000", f"input,{CONV},{POOL},{POOL},output", f"010/001/000:input,{CONV},output"),
        ("01001/00100/00010/00000/00000", f"input,{CONV},{POOL},{POOL},output", "01/00:input,output"),
    ],
)
def test_nodes_on_no_path_are_pruned_as_the_benchmark_does(matrix, ops, pruned):
    space = load_space("nasbench101")
    assert space.encode(space.decode(f"{matrix}:{ops}")) == pruned


def test_without_that_rule_nodes_on_no_path_are_architectures():
    arch = Architecture(("input", "conv", "pool", "output"), ((0, 1), (1, 3)))
    assert free(4).decode(free(4).encode(arch)) == arch


def test_without_a_path_there_is_nothing_to_prune():
    with pytest.raises(InvalidArchitecture, match="lies on no path"):
        load_space("nasbench101").decode(f"010/000/000:input,{CONV},output")


LONG = ("x", "|", "[", "9", "1,", "0>1,", "|conv~0|+", "0/", " ", "'")
HOSTILE = [
    *(piece * (100_000 // len(piece)) for piece in LONG),
    *(start + piece * (100_000 // len(piece)) for start in (";", "[[", ":", "|", "0:") for piece in LONG),
    *("\x1b[31m" * 9, "9" * 5000 + ">1", "-", ";", ":", "|", "[]", "[[]]", "()"),
]


@pytest.mark.parametrize("name", ["nasbench201", "nasbench101", "nas_bench_graph", "tpu_tiles"])
def test_what_is_no_architecture_is_refused_quickly_in_one_short_line(name):
    space = load_space(name)
    start = time.process_time()
    for text in HOSTILE:
        with pytest.raises(InvalidArchitecture) as caught:
            space.decode(text)
        assert len(str(caught.value)) < 400
        assert str(caught.value).isprintable()
    assert time.process_time() - start < 5
