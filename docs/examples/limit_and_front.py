"""A limit and a front, on a benchmark that comes with a package."""

# %% A task: a space, its metrics and a table of measurements
import nag

task = nag.load_task("nas_bench_graph/arxiv")

# %% The best with at most 0.1 million parameters
objective = nag.Objective.single(task.search_metric, limits={"params_m": {"max": 0.1}})
study = nag.search(task, budget=15, objective=objective, seed=0)
print(study.best)

# %% The front of accuracy and latency
objective = nag.Objective((nag.Metric(task.search_metric), nag.Metric("latency", maximise=False)), pareto=True)
study = nag.search(task, budget=15, objective=objective, seed=0)
for query in study.front:
    print(query)
