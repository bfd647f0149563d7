"""The probe hash: what networks compute tells functions apart."""

from __future__ import annotations

from itertools import combinations

from nag.networks import DataShape, NASBench201Builder, ProbeHash
from nag.spaces import load_space, sample_uniform

SPACE = load_space("nasbench201")
PROBE = ProbeHash(NASBench201Builder(channels=4, cells_per_stage=1), DataShape("images", 3, 10, 8, 8))


def test_functional_twins_share_a_probe_hash_and_few_others_do():
    archs = SPACE.to_architectures(sample_uniform(SPACE, 300, seed=0))
    canonical = SPACE.canonical_hashes(SPACE.to_dags(archs))
    probes = [PROBE(arch) for arch in archs]
    twins = [(i, j) for i, j in combinations(range(len(archs)), 2) if canonical[i] == canonical[j]]
    assert len(twins) > 20
    assert all(probes[i] == probes[j] for i, j in twins)
    classes = len(set(canonical))
    assert 0.9 * classes < len(set(probes)) <= classes


def test_a_probe_is_a_function_of_its_seed():
    arch = SPACE.decode("|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|")
    other = ProbeHash(PROBE.builder, PROBE.shape, seed=1)
    assert PROBE(arch) == ProbeHash(PROBE.builder, PROBE.shape)(arch)
    assert PROBE(arch) != other(arch)
