from __future__ import annotations

import re
import time
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from nag.core.errors import InvalidRequest
from nag.graphs import Architecture, draw_png, draw_svg, save_drawing
from nag.graphs.draw import _PALETTE, operation_colour
from nag.graphs.layout import BOX_HEIGHT, lay_out
from nag.spaces import list_spaces, load_space, sample_uniform

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
OPS = ("input", "conv3x3-bn-relu", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "output")
CHAIN_WITH_SHORTCUTS = Architecture(OPS, ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (0, 6), (1, 4), (2, 6)))
CELL = Architecture(OPS, ((0, 1), (0, 2), (0, 6), (1, 3), (2, 3), (3, 4), (2, 5), (4, 6), (5, 6)))
FAN = Architecture(OPS, ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (3, 5), (4, 6), (5, 6)))
# Uniform draws enumerate the space first, which takes long where the wiring is free.
SOURCES = [
    "by hand",
    *(
        pytest.param(name, marks=[pytest.mark.slow] if load_space(name).wiring is None else [])
        for name in list_spaces()
        if load_space(name).max_nodes < 10  # larger ones cannot be enumerated
    ),
]


@pytest.fixture(params=SOURCES, scope="module")
def archs(request) -> list[Architecture]:
    if request.param == "by hand":
        return [CHAIN_WITH_SHORTCUTS, CELL, FAN]
    space = load_space(request.param)
    return space.to_architectures(sample_uniform(space, 5, seed=1))


def ids(svg: str) -> set[str]:
    return {element.attrib["id"] for element in ElementTree.fromstring(svg).iter() if "id" in element.attrib}


def test_svg_shows_every_operation_as_text(archs):
    for arch in archs:
        root = ElementTree.fromstring(draw_svg(arch))
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert sorted(words) == sorted(arch.ops)


def test_svg_is_a_bare_element_and_the_same_every_time(archs):
    for arch in archs[:4]:
        svg = draw_svg(arch, "title")
        assert svg.startswith("<svg")
        assert svg == draw_svg(arch, "title")


def test_ids_and_styles_of_different_drawings_do_not_meet(archs):
    distinct = list(dict.fromkeys(archs))
    svgs = [draw_svg(arch) for arch in distinct]
    every = [ids(svg) for svg in svgs]
    assert sum(map(len, every)) == len(set().union(*every))
    for svg, own in zip(svgs, every, strict=True):
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert {a or b for a, b in used} <= own
        assert re.search(r"<style[^>]*>\*", svg) is None


def test_title_may_hold_anything():
    title = 'id="x" & <b> $\\frac$ "#1" ' + "very" * 60
    root = ElementTree.fromstring(draw_svg(CHAIN_WITH_SHORTCUTS, title))
    text = "".join(element.text for element in root.iter("{http://www.w3.org/2000/svg}text"))
    assert title.replace(" ", "") in text.replace(" ", "")
    assert root.attrib["aria-label"] == title


def test_png_is_png_and_grows_with_resolution():
    small, large = draw_png(CHAIN_WITH_SHORTCUTS, dpi=50), draw_png(CHAIN_WITH_SHORTCUTS, dpi=200)
    assert small.startswith(PNG_MAGIC)
    assert int.from_bytes(large[16:20], "big") == pytest.approx(4 * int.from_bytes(small[16:20], "big"), abs=4)


def test_boxes_and_passages_keep_apart(archs):
    width = 80.0
    for arch in archs:
        layout = lay_out(arch, [width] * arch.num_nodes)
        places = sorted((y, x, width / 2 if len(slot) == 1 else 0.0) for slot, (x, y) in layout.centre.items())
        for (y, x, half), (y_next, x_next, half_next) in pairwise(places):
            assert y != y_next or x + half < x_next - half_next
        for route in layout.routes:  # every edge leads down, one layer at a time
            steps = [layout.centre[b][1] - layout.centre[a][1] for a, b in pairwise(route)]
            assert all(step == steps[0] > BOX_HEIGHT for step in steps)


def test_planar_architecture_is_drawn_without_crossings():
    arch = Architecture(("input", "a", "b", "c", "d", "output"), ((0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)))
    centre = lay_out(arch, [40.0] * 6).centre
    assert (centre[(1,)][0] < centre[(2,)][0]) == (centre[(4,)][0] < centre[(3,)][0])


@pytest.mark.parametrize("name", [name for name in list_spaces() if len(load_space(name).vocabulary) <= len(_PALETTE)])
def test_operations_of_a_shipped_space_have_different_colours(name):
    operations = [op for op in load_space(name).vocabulary if op not in {"input", "output"}]
    assert len({operation_colour(op) for op in operations}) == len(operations)


def test_operations_take_colours_in_the_given_order():
    arch = Architecture(("input", "a", "output"), ((0, 1), (1, 2)))
    assert draw_svg(arch, operations=("a", "b")) != draw_svg(arch, operations=("b", "a"))


def test_graph_without_edges_and_without_nodes():
    assert draw_png(Architecture(("input",), ())).startswith(PNG_MAGIC)
    assert draw_svg(Architecture((), ())).startswith("<svg")


def test_saving_chooses_the_format_by_suffix(tmp_path):
    save_drawing(CHAIN_WITH_SHORTCUTS, tmp_path / "deep" / "a.svg")
    save_drawing(CHAIN_WITH_SHORTCUTS, str(tmp_path / "b.PNG"))
    assert (tmp_path / "deep" / "a.svg").read_text() == draw_svg(CHAIN_WITH_SHORTCUTS)
    assert (tmp_path / "b.PNG").read_bytes().startswith(PNG_MAGIC)


def test_other_suffixes_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(InvalidRequest, match=r"\.svg or \.png"):
        save_drawing(CHAIN_WITH_SHORTCUTS, tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def dense(nodes: int) -> Architecture:
    return Architecture(("input", *["conv"] * (nodes - 2), "output"), [(u, v) for v in range(nodes) for u in range(v)])


def test_the_effort_of_a_layout_is_bounded():
    """Dense graphs, one layer of many nodes, and many layers."""
    layers = Architecture(
        ("input", *["a"] * 80, *["b"] * 80, "output"),
        [(0, u) for u in range(1, 81)]
        + [(u, v) for u in range(1, 81) for v in range(81, 161)]
        + [(v, 161) for v in range(81, 161)],
    )
    chain = Architecture(("input", *["a"] * 400, "output"), [(u, u + 1) for u in range(401)])
    start = time.process_time()
    for arch in (dense(60), layers, chain):
        layout = lay_out(arch, [40.0] * arch.num_nodes)
        assert len(layout.routes) == len(arch.edges)
        assert len(layout.centre) < arch.num_nodes + 2000
    assert time.process_time() - start < 15


def test_edges_beyond_number_are_left_out_and_counted():
    svg = draw_svg(dense(100), "dense")
    assert "dense (950 edges are not drawn)" in svg
    assert len(svg) < 3_000_000


def test_a_tall_drawing_has_a_lower_resolution():
    png = draw_png(Architecture(("input", *["a"] * 398, "output"), [(u, u + 1) for u in range(399)]), dpi=300)
    assert int.from_bytes(png[20:24], "big") <= 2**15


def test_control_characters_leave_the_svg_well_formed():
    arch = Architecture(("input", "a\x00\x1b[31m", "output"), ((0, 1), (1, 2)))
    root = ElementTree.fromstring(draw_svg(arch, "title\x00\x1b"))
    assert root.attrib["aria-label"].strip() == "title"
    assert draw_png(arch, "title\x00").startswith(PNG_MAGIC)
