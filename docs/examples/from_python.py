"""From Python: search with a function, generate with a guide, save and load."""

# %% A plain function is an evaluator
import nag

space = nag.load_space("nasbench201")


def paths_per_convolution(architecture):
    """Number of paths from input to output over one plus the number of convolutions."""
    paths = [1] + [0] * (len(architecture.ops) - 1)
    for source, target in sorted(architecture.edges, key=lambda edge: edge[1]):
        if architecture.ops[target] != "none":
            paths[target] += paths[source]
    return paths[-1] / (1 + architecture.ops.count("nor_conv_3x3"))


study = nag.search(paths_per_convolution, space, budget=15, seed=0)
print(study.best)

# %% All queries as a table
print(study.to_pandas())

# %% Labels of a benchmark, and a predictor
task = nag.load_task("nas_bench_graph/arxiv")
labels = task.measure(task.space.sample(60, seed=0))
print(labels.to_pandas())
predictor = nag.fit_predictor(labels, predictor=nag.predictors.GPPredictor, seed=0)

# %% A generator of the space, steered by the predictor; 100 steps are a demonstration, not a training
generator = nag.train_generator(task.space, options=nag.FitOptions(max_steps=100), seed=0)
samples = generator.sample(5, guide=predictor, seed=0)
print(task.measure(list(samples)).to_pandas())

# %% Saved and loaded
generator.save("generator.safetensors")
again = nag.load("generator.safetensors").sample(5, seed=1)
print(len(again), "architectures")
