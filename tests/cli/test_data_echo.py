"""Every command that loads data says what it took them for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

CELL = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"
FEW = "builder=nasbench201 builder.channels=2 builder.cells_per_stage=1 tracker.mode=disabled tracker.console=false"


@pytest.fixture
def signals(nag):
    rng = np.random.default_rng(0)
    np.savez("signals.npz", images=rng.normal(size=(60, 20, 3)).astype(np.float32), labels=np.arange(60) % 2)
    Path("task.yaml").write_text("space: nasbench201\ndata: signals.npz\nlayout: NWC\n")
    Path("unclear.yaml").write_text("space: nasbench201\ndata: signals.npz\n")
    Path("wrong.yaml").write_text("space: nasbench201\ndata: signals.npz\nlayout: CWN\n")
    Path("archs.txt").write_text(f"{CELL}\n")


@pytest.mark.parametrize(
    "line",
    [
        "evaluate architectures=archs.txt task={} evaluator=proxy evaluator.proxy=params",
        "search task={} evaluator=proxy evaluator.proxy=params strategy=random budget=1",
        f"export '{CELL}' task={{}} weights=initial",
    ],
)
def test_the_shape_of_data_is_echoed_and_an_unclear_one_is_refused(nag, signals, weights_only, line):
    """(W16)"""
    outcome = nag(f"{line.format('task.yaml')} out_dir=a {FEW}")
    assert outcome.code == 0, outcome.err
    assert "60 signals of 20 steps, 3 channels, 2 classes" in outcome.out
    outcome = nag(f"{line.format('unclear.yaml')} out_dir=b {FEW}")
    assert outcome.code == 2
    assert "layout: NWC" in outcome.err
    assert nag(f"{line.format('wrong.yaml')} out_dir=c {FEW}").code == 2
