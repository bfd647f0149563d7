"""Five published spaces, each a file of less than 40 lines."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from scipy.stats import chisquare

from nag.spaces.language import description_to_mapping, load_typed_space, typed_space_from_mapping

FOLDER = Path(__file__).parent / "spaces"
PUBLISHED = {
    "accel_nasbench": 36**6 * 48,
    "darts": (180 * 7**8) ** 2,
    "fbnet": 9**22,
    "mobilenetv3": 7371**5 * 25,
    "nasbench_macro": 6561,
}
"""Name -> number of architectures as published."""


@pytest.fixture(scope="module", params=PUBLISHED)
def space(request):
    return load_typed_space(FOLDER / f"{request.param}.yaml")


def test_every_file_is_tested_and_short():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(PUBLISHED)
    assert all(len(path.read_text().splitlines()) < 40 for path in FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def small(space):
    """The same space with fewer stages, or cells of fewer nodes."""
    source = dict(space.description.source)
    stages = [step for step in source["graph"] if "module" not in step]
    source["graph"] = stages if "cells" in source else stages[:2]
    if space.name == "mobilenetv3":
        source |= {
            "blocks": {"stage": {"repeat": [1, 2], "of": "mbconv"}},
            "graph": stages[:1],
            "recipe": {"resolution": [1, 2]},
        }
    if space.name == "fbnet":
        source["graph"] = [{**stages[0], "repeat": [1, 2]}, {**stages[1], "repeat": 1}]
    if space.name == "darts":
        source["blocks"] = {"edge": {"choice": ["skip_connect", "max_pool_3x3", "sep_conv"]}}
    source["cells"] = {name: {**cell, "nodes": 1} for name, cell in source.get("cells", {}).items()}
    return typed_space_from_mapping(source)


def test_a_small_instance_has_as_many_designs_as_are_enumerated(small):
    designs = small.enumerate()
    assert 100 < small.count() == len(designs) < 3000


def test_draws_of_a_small_instance_are_uniform(small):
    designs = small.enumerate()
    drawn = Counter(small.sample(5 * len(designs), seed=0))
    assert chisquare([drawn[design] for design in designs]).pvalue > 1e-3


def test_sizes_are_the_published_ones(space):
    assert space.count() == PUBLISHED[space.name]


def test_round_trips(space):
    for design in space.sample(50, seed=0):
        assert space.decode(space.encode(design)) == design
        assert space.derive(space.decide(design)) == design


def test_a_description_is_written_as_it_is_read(space):
    assert typed_space_from_mapping(description_to_mapping(space.description)).description == space.description


def test_neighbours_are_mutual(space):
    design = space.sample(1, seed=1)[0]
    neighbours = space.neighbours(design)
    assert len({*neighbours, design}) == len(neighbours) + 1
    assert all(design in space.neighbours(neighbour) for neighbour in neighbours[:: max(1, len(neighbours) // 5)])


def test_the_whole_of_nasbench_macro_is_enumerated():
    space = load_typed_space(FOLDER / "nasbench_macro.yaml")
    assert len(space.enumerate()) == space.count()


def test_strings_are_readable():
    space = load_typed_space(FOLDER / "nasbench_macro.yaml")
    text = "mbconv(kernel=3,expansion=3) identity | identity*3 | mbconv(kernel=5,expansion=6)*2 identity"
    design = space.decode(text)
    assert space.encode(design) == text
    assert space.decide(design)["stage1[0].choice"] == "mbconv(kernel=3,expansion=3)"
    assert space.graph(design).nodes[1].values == {"kernel": 3, "expansion": 3, "width": 64, "stride": 2}


def test_cells_of_darts_read_the_two_before():
    space = load_typed_space(FOLDER / "darts.yaml")
    graph = space.graph(space.sample(1, seed=0)[0])
    assert graph.operations.count("normal_output") == 18
    assert graph.operations.count("reduction_output") == 2
    assert len(graph.nodes) == 2 + 20 * (8 + 4 + 1)


def test_compiling_and_sampling_take_seconds():
    start = time.process_time()
    space = load_typed_space(FOLDER / "mobilenetv3.yaml")
    assert len(space.sample(2000, seed=0)) == 2000
    assert time.process_time() - start < 5
