"""A mistake is told with its line and key, or its position, and what was expected."""

from __future__ import annotations

import pytest
import yaml

from nag.core.errors import InvalidArchitecture, InvalidRequest, InvalidSpace
from nag.spaces.language import (
    Choice,
    Choices,
    Description,
    FloatRange,
    IntegerRange,
    OperationDefinition,
    OptionalStep,
    Repeat,
    Section,
    TypedSpace,
    Use,
    load_typed_space,
    typed_space_from_mapping,
    typed_space_from_text,
)

BASE = """\
name: small
operations:
  conv: {kernel: [3, 5, 7], groups: [1, 2]}
  pool: mergeable
"""
CELL = BASE + "graph: [c]\ncells:\n  c: "


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (BASE + "graph:\n  - conv\n  - conw", 7, "'graph.1' is 'conw', no operation, block or cell. Did you mean 'conv'?"),
        (BASE + "graph:\n  - {repeet: 2, of: conv}", 6, "'graph.0.repeet' is not known here. Did you mean 'repeat'?"),
        (BASE + "graph:\n  - {operation: conv, kernal: 3}", 6, "'graph.0.kernal' is not known here. Did you mean 'kernel'?"),
        (BASE + "graph:\n  - {operation: conv, kernel: 9}", 6, "'kernel' of operation 'conv' is never 9. It is one of 3, 5, 7"),
        (BASE + "graph:\n  - of: conv\n    repeat: x", 7, "'graph.0.repeat' is 'x'. Write whole numbers from 0 to 4096"),
        (BASE + "graph:\n  - {repeat: {min: 3, max: 1}, of: conv}", 6, "the range 3..1 in steps of 1 is empty"),
        (BASE + "graph:\n  - {of: conv, choice: [pool]}", 6, "'graph.0' has 'choice' and 'of'"),
        (BASE + "graph:\n  - {shared: true, of: conv}", 6, "'graph.0.shared' needs a repetition"),
        (BASE + "graph:\n  - {module: Stem}", 6, "'graph.0.module' is 'Stem'. It must be an import path"),
        (BASE + "graph: []", 5, "'graph' is []"),
        (BASE + "grap: [conv]", None, "'graph' is missing"),
        (BASE + "graph: [conv]\ngrap: []", 6, "unknown key 'grap'. Did you mean 'graph'?"),
        (BASE + "graph: [b]\nblocks:\n  b: [conv, b]", 7, "block 'b' refers to itself. Bound it: {block: b, depth: 3}"),
        (BASE + "graph: [conv]\nblocks: {conv: pool}", None, "'conv' names two things"),
        (BASE + "graph: [conv]\nconditions:\n  - conv.kernel = 3", 7, "'= 3' at character 13. Expected a comparison"),
        (BASE + "graph: [conv]\nconditions:\n  - conv.kernl == 3", 7, "which is no decision. Did you mean 'conv.kernel'?"),
        (BASE + "graph: [conv]\nrecipe:\n  lr: {min: 0.1}", 7, "A range has numbers 'min' and 'max'"),
        (BASE + "graph: [conv\n", 6, "is not YAML"),
        (BASE.replace("mergeable", "merge") + "graph: [conv]", 4, "the unknown role 'merge'. Did you mean 'mergeable'?"),
        (BASE.replace("[3, 5, 7]", "{min: 1, max: 3, stp: 2}") + "graph: [conv]", 3, "no key of a range. Did you mean 'step'?"),
        (BASE.replace("kernel", "choice") + "graph: [conv]", 3, "'operations.conv.choice' cannot be an attribute"),
        (CELL + "{nodes: {a: conv}, edges: [[input, a], [a, outptu]]}", 7, "has no node 'outptu'. Did you mean 'output'?"),
        (CELL + "{nodes: {a: conv}, edges: [[a, output]]}", 7, "node 'a' of cell 'c' reads nothing. Add an edge [input, a]"),
        (CELL + "{nodes: {a: conv}}", 7, "'cells.c.edges' is missing"),
        (CELL + "{nodes: 3}", 7, "'cells.c.of' is missing"),
        (CELL + "{nodes: 30, of: conv}", 7, "'cells.c.nodes' is 30"),
        (CELL + "{nodes: 3, of: c, shared: false}", 7, "cell 'c' contains itself"),
    ],
)
def test_a_fault_of_a_file_names_its_line(text, line, fault):
    with pytest.raises(InvalidSpace) as caught:
        typed_space_from_text(text, "'f.yaml'")
    assert fault in str(caught.value)
    assert str(caught.value).startswith("'f.yaml'")
    if line is not None:
        assert f"line {line}" in str(caught.value)


def test_a_fault_of_a_file_names_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text(BASE + "graph: [conw]")
    with pytest.raises(InvalidSpace, match=r"mine\.yaml', line 5: 'graph\.0' is 'conw'"):
        load_typed_space(tmp_path / "mine.yaml")


@pytest.fixture(scope="module")
def space() -> TypedSpace:
    graph = [{"repeat": [1, 2], "operation": "conv"}, {"of": "pool", "optional": True, "width": [8, 16]}]
    recipe = {"lr": [0.1, 1], "act": ["relu", "a b"]}
    return typed_space_from_mapping(
        {**yaml.safe_load(BASE), "graph": graph, "recipe": recipe, "conditions": ["lr == 1 -> conv.kernel == 3"]}
    )


REST = " | [width=8] - ; lr=0.1,act=relu"
CONV = "conv(kernel=3,groups=1)"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "'the end' at character 1"),
        ("conv", "'the end' at character 5 of the architecture. Expected kernel=VALUE of 'conv'"),
        ("convv(kernel=3)", "'convv(kernel=3)' at character 1 of the architecture. Did you mean 'conv'?"),
        ("conv(kernel=4)", "'4)' at character 13 of the architecture. 'kernel' is one of 3, 5, 7"),
        ("conv(kern=3)", "at character 6 of the architecture. Did you mean 'kernel'?"),
        ("conv(kernel=3,kernel=3)", "at character 15 of the architecture. It is given twice"),
        (f"{CONV} | pool", "at character 27 of the architecture. Expected '['"),
        (f"{CONV} | [width=9] -", "'9] -' at character 34 of the architecture. 'width' is one of 8, 16"),
        (f"{CONV} pool{REST}", "'pool' at character 25 does not fit section 'conv'. Expected conv, the end"),
        (f"{CONV}*3{REST}", "'conv' at character 1 does not fit section 'conv'. Expected the end"),
        (f"{CONV}*99999{REST}", "A node stands from 1 to 4096 times"),
        (f"-{REST}", "the end does not fit section 'conv'. Expected conv"),
        (f"{CONV}{REST} x", "'x' at character 57 of the architecture. Expected the end"),
        (f"conv(kernel=5,groups=1){REST}".replace("0.1", "1"), "It breaks 'lr == 1 -> conv.kernel == 3'"),
    ],
)
def test_a_fault_of_a_string_names_its_position(space, text, fault):
    with pytest.raises(InvalidArchitecture) as caught:
        space.decode(text)
    assert fault in str(caught.value)


def test_blanks_order_and_fixed_attributes_are_free(space):
    design = space.decode('conv( groups = 1, kernel=3 )  conv(kernel=3,groups=1)|[width=8]pool;act="a b",lr=0.1')
    assert space.encode(design) == f'{CONV}*2 | [width=8] pool ; lr=0.1,act="a b"'


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"x": 1}, "decision 'x' does not exist here"),
        ({"conv[1].kernel": 3}, "does not exist here"),
        ({"conv.repeat": 3}, "decision 'conv.repeat' cannot be 3. It is one of 1, 2"),
        ({"lr": None}, "decision 'lr' is missing. It is one of 0.1, 1"),
    ],
)
def test_a_fault_of_decisions_names_the_decision(space, change, fault):
    decided = space.decide(space.decode(CONV + REST))
    with pytest.raises(InvalidRequest) as caught:
        space.derive({**decided, **change})
    assert fault in str(caught.value)


def test_python_objects_mean_what_the_file_means():
    conv = OperationDefinition("parametric", {"kernel": Choices((3, 5)), "width": IntegerRange(8, 16, 8)})
    body = Repeat(Choice((Use("conv", {"kernel": Choices((3,))}), Use("pool"))), (1, 2))
    graph = (Section(body, "body"), Section(OptionalStep(Use("pool")), None, {"stride": Choices((2,))}))
    recipe = {"lr": FloatRange(0.001, 0.1, 3, True)}
    own = Description("same", {"conv": conv, "pool": OperationDefinition("mergeable")}, graph, recipe=recipe)
    text = """
name: same
operations:
  conv: {kernel: [3, 5], width: {min: 8, max: 16, step: 8}}
  pool: mergeable
graph:
  - {name: body, repeat: [1, 2], choice: [{operation: conv, kernel: 3}, pool]}
  - {operation: pool, optional: true, stride: 2}
recipe:
  lr: {min: 0.001, max: 0.1, levels: 3, log: true}
"""
    assert typed_space_from_text(text).description == own
    assert TypedSpace(own).count() == typed_space_from_text(text).count() == (3 + 9) * 2 * 3
