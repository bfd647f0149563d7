"""The trial that scores untrained networks."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import pytest
import torch

from nag.core.errors import InvalidArchitecture, InvalidRequest
from nag.evaluation import load_data_set
from nag.evaluation.trials.proxy_trial import LIMIT, ProxyTrial, batch_of
from nag.evaluation.trials.trial import fault_of
from nag.graphs import Architecture
from nag.networks import NASBench201Builder, NASBenchGraphBuilder
from nag.proxies import Batch, Proxy, proxy_named
from nag.spaces import enumerate_space, load_space

SPACE = load_space("nasbench201")
ARCH = SPACE.decode("|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|nor_conv_3x3~2|")
DEAD = SPACE.decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
TRIAL = ProxyTrial(SPACE, "digits", "naswot", NASBench201Builder(4, 1), batch_size=8)


def depth(network: torch.nn.Module, batch: Batch, rng: torch.Generator) -> float:
    """A user's own proxy."""
    return float(len(list(network.modules())))


def test_a_score_is_a_function_of_architecture_and_seed_here_and_elsewhere():
    found = TRIAL.run(ARCH, 1)
    assert fault_of(found) == ""
    assert found.report_value is None
    assert found.side["params"] > 0
    torch.rand(3)
    assert pickle.loads(pickle.dumps(TRIAL)).run(ARCH, 1).search_value == found.search_value
    assert TRIAL.run(ARCH, 2).search_value != found.search_value


def test_a_score_is_the_mean_over_initial_weights():
    shares: list[float] = []
    values = [replace(TRIAL, initialisations=count).run(ARCH, 1, shares.append).search_value for count in (1, 2, 3)]
    second, third = 2 * values[1] - values[0], 3 * values[2] - 2 * values[1]
    assert len({round(value, 6) for value in (values[0], second, third)}) == 3
    assert shares == [1, 1 / 2, 1, 1 / 3, 2 / 3, 1]
    own = [replace(TRIAL, initialisations=count, normal=False).run(ARCH, 1).search_value for count in (1, 2)]
    assert own[0] != own[1]


def test_networks_that_ignore_their_input_have_the_least_score_that_a_store_can_keep():
    for name in ("naswot", "synflow"):
        found = replace(TRIAL, proxy=name, initialisations=2).run(DEAD, 0)
        assert found.search_value == -LIMIT
        assert fault_of(found) == ""


def test_the_fingerprint_tells_all_that_matters():
    changes = (
        {"proxy": "snip"},
        {"proxy": Proxy("naswot", depth)},
        {"data_set": "mnist1d"},
        {"builder": NASBench201Builder(4, 2)},
        {"batch_size": 9},
        {"initialisations": 2},
        {"normal": False},
        {"split_seed": 1},
        {"device": "cuda"},
    )
    fingerprints = [TRIAL.fingerprint, *(replace(TRIAL, **change).fingerprint for change in changes)]
    assert len(set(fingerprints)) == len(fingerprints)


def test_a_proxy_of_ones_own_is_run():
    assert replace(TRIAL, proxy=Proxy("depth", depth)).run(ARCH, 0).search_value > 20


def test_nodes_of_a_graph_are_examples():
    space = load_space("nas_bench_graph")
    arch = space.to_architectures(enumerate_space(space)[4000:4001])[0]
    trial = ProxyTrial(space, "karate", "snip", NASBenchGraphBuilder(hidden=8), batch_size=6)
    data = load_data_set("karate")
    batch = batch_of(data, 6, 0)
    assert batch.rows is not None
    assert batch.labels is not None
    assert set(batch.rows.tolist()) <= set(data.train.inputs.tolist())
    labels = dict(zip(data.train.inputs.tolist(), data.train.labels.tolist(), strict=True))
    assert [labels[row] for row in batch.rows.tolist()] == batch.labels.tolist()
    assert fault_of(trial.run(arch, 0)) == ""


def test_a_batch_is_the_same_each_time_and_no_larger_than_the_data():
    data = load_data_set("digits")
    assert torch.equal(batch_of(data, 5, 3).inputs[0], batch_of(data, 5, 3).inputs[0])
    assert not torch.equal(batch_of(data, 5, 3).inputs[0], batch_of(data, 5, 4).inputs[0])
    assert len(batch_of(data, 10**6, 0)) == len(data.train)


def test_mistakes_are_named():
    with pytest.raises(InvalidRequest, match="unknown proxy 'nazwot'"):
        replace(TRIAL, proxy="nazwot")
    with pytest.raises(InvalidRequest, match="batch_size is 0"):
        replace(TRIAL, batch_size=0)
    with pytest.raises(InvalidArchitecture):
        TRIAL.run(Architecture(("input", "output"), ((0, 1),)), 0)


def test_a_score_that_overflows_is_the_least():
    """(W7)"""

    def overflow(network, batch, rng) -> float:
        return math.inf

    proxy = replace(proxy_named("naswot"), score=overflow)
    found = replace(TRIAL, proxy=proxy, initialisations=2).run(ARCH, 0)
    assert found.search_value == -LIMIT
