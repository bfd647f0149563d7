"""My own evaluator: a function with two metrics, one of them limited."""

# %% The function
import nag


def score(architecture, seed):
    """Many different paths from input to output, at few costly operations."""
    paths = [1] + [0] * (len(architecture.ops) - 1)
    for source, target in sorted(architecture.edges, key=lambda edge: edge[1]):
        if architecture.ops[target] != "none":
            paths[target] += paths[source]
    costly = architecture.ops.count("nor_conv_3x3")
    return {"score": paths[-1] / (1 + costly), "costly": costly}


# %% The best with at least two convolutions
objective = nag.Objective.single("score", limits={"costly": {"min": 2}})
study = nag.search(score, nag.load_space("nasbench201"), budget=15, objective=objective, seed=0)
print(study.best)

# %% What was asked
print(study.to_pandas())
