"""My own space: three slots with a shortcut, sampled and searched."""

# %% The space is a YAML file
from pathlib import Path

import nag

Path("blocks.yaml").write_text(
    """
name: blocks
title: Three slots with a shortcut
operations: {conv3: parametric, conv5: parametric, pool: mergeable, skip: identity}
nodes: 5
edges: [[0, 1], [1, 2], [2, 3], [0, 3], [3, 4]]
costs:
  params_m: {base: 0.1, conv3: 0.9, conv5: 2.5}
"""
)
space = nag.load_space("blocks.yaml")

# %% Uniform samples
for architecture in space.sample(5, seed=0):
    print(space.encode(architecture))

# %% The best by a function of your own
worth = {"conv3": 3.0, "conv5": 4.0, "pool": 1.0, "skip": 0.0}
study = nag.search(lambda arch: sum(worth.get(op, 0.0) for op in arch.ops), space, budget=20, seed=0)
print(study.best, space.encode(study.best.architecture))
