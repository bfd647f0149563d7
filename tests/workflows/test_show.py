"""Facts of architectures of every shipped space, at once."""

from __future__ import annotations

import time

import pytest

from nag.graphs import Architecture, draw_svg
from nag.spaces import list_spaces, load_space
from nag.spaces.neighbourhood import num_edits
from nag.workflows.show import properties_of

LAST = 100
EXAMPLES = {
    "nasbench101": "0110/0001/0001/0000:input,conv3x3-bn-relu,maxpool3x3,output",
    "nasbench201": "(4, 0, 3, 1, 4, 3)",
    "nas_bench_graph": "0,0,1,2|gcn,gat,fc,gin",
    "tpu_tiles": f"{','.join(['op_29'] + ['op_4'] * (LAST - 1))};0>1,{','.join(f'{v}>{v + 1}' for v in range(1, LAST + 1))}",
}


def test_there_is_an_example_of_every_shipped_space():
    assert set(EXAMPLES) == set(list_spaces())


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_facts_and_drawing_are_quick_and_small(name):
    space = load_space(name)
    start = time.process_time()
    arch = space.decode(EXAMPLES[name])
    metadata = properties_of(arch, space)
    svg = draw_svg(arch, name, space.vocabulary)
    assert time.process_time() - start < 10
    assert len(svg) < 1_000_000
    assert len(str(metadata["architecture"])) < 2000
    assert metadata["nodes"] == arch.num_nodes
    assert ("neighbours" in metadata) == (name != "tpu_tiles")


def test_neighbours_are_counted_where_they_are_few():
    space = load_space("nasbench201")
    arch: Architecture = space.decode(EXAMPLES["nasbench201"])
    assert properties_of(arch, space)["neighbours"] == len(space.neighbours(arch)) <= num_edits(space, arch) == 6 * 4
    smaller = load_space("nasbench101")
    cell = smaller.decode(EXAMPLES["nasbench101"])
    assert len(smaller.neighbours(cell)) <= num_edits(smaller, cell)
