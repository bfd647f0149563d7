"""Networks against canonical hashes: cells of one hash compute the same with weights carried over."""

from __future__ import annotations

import random
from collections import defaultdict

import torch

from nag.graphs import Architecture, DagBatch, Semantics, canonical_forms, reduce
from nag.networks import SummedCell
from nag.networks.nasbench201 import OPERATIONS

VOCABULARY = ("input", "output", *OPERATIONS)
SEMANTICS = Semantics(
    VOCABULARY,
    identity=frozenset({"skip_connect"}),
    zero=frozenset({"none"}),
    mergeable=frozenset({"avg_pool_3x3"}),
)
CHANNELS = 3


def cell_of(arch: Architecture, order: list[int]) -> SummedCell:
    """A cell in evaluation mode: a node's weights follow its canonical position, those of dropped nodes are random."""
    cell = SummedCell(arch, OPERATIONS, CHANNELS).double().eval()
    for node, operation in enumerate(cell.operations, start=1):
        rng = torch.Generator().manual_seed(order.index(node) if node in order else 100 + node)
        for name, tensor in operation.named_parameters():
            if not name.endswith("bias"):  # what reads nothing passes on nothing
                tensor.data = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
    return cell


@torch.no_grad()
def test_summed_cells_of_any_wiring_agree_with_their_hashes():
    rng = random.Random(0)
    archs = []
    for _ in range(800):
        ops = rng.choices(list(OPERATIONS), k=rng.randint(1, 4))
        pairs = [(u, v) for v in range(1, len(ops) + 2) for u in range(v)]
        archs.append(Architecture(("input", *ops, "output"), [pair for pair in pairs if rng.random() < 0.6]))
    reduced = reduce(DagBatch.from_architectures(archs, VOCABULARY), SEMANTICS)
    forms = canonical_forms(reduced, VOCABULARY)
    x = torch.randn(2, CHANNELS, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = defaultdict(list)
    for row, arch in enumerate(archs):
        order = forms.order[row, : int(reduced.num_nodes[row])].tolist()
        found[forms.hashes[row]].append(cell_of(arch, order)(x))
    assert sum(len(values) > 1 for values in found.values()) > 30
    for first, *others in found.values():
        assert all(torch.allclose(first, other, rtol=1e-8, atol=1e-8) for other in others)
    distinct = [values[0] for values in found.values()]
    equal = sum(torch.allclose(a, b) for i, a in enumerate(distinct) for b in distinct[:i])
    assert equal < len(distinct) / 20  # pooling is linear: a few functions have two normal forms
