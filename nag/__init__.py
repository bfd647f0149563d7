"""`nag` generates neural architectures: graph diffusion over directed acyclic graphs, guided by a predictor.

A search space says which architectures there are. A generator, a discrete graph diffusion model, learns to draw them. A guide
steers the draws: a function of your own, or a predictor that was fitted to measured architectures. A search asks for few
measurements and finds the best.

    import nag

    task = nag.load_task("nas_bench_graph/cora")                # nag.list_tasks() names those that are shipped
    labels = task.measure(task.space.sample(100, seed=0))       # a table: labels.to_pandas()
    predictor = nag.fit_predictor(labels)
    generator = nag.train_generator(task.space, seed=0)         # all defaults are those of the command line
    guide = nag.Guidance(predictor, limits={"depth": {"max": 3}})
    found = generator.sample(20, guide=guide, seed=0)           # or guide=predictor, or a function of a list of architectures
    found[0], found.validity_raw, found.to_pandas()             # shown as pictures in a notebook
    generator.save("g.safetensors")
    generator = nag.load("g.safetensors")

    study = nag.search(my_function, task.space, budget=50)      # a function of an architecture; or nag.search(task, budget=50)
    study.best, study.front, study.to_pandas()
    nag.write_report(study, "report.html")

    task = nag.Task(task.space, data="my_images/")              # trains networks; also a data set, a table, or a function
    meta = nag.fit_meta_predictor([cora, cs, photo])            # a predictor across tasks ...
    predictor = meta.adapt(arxiv, labels)                       # ... for one that it never saw

Functions are pure: no run folder, no configuration, no global state. Each takes `seed`, and `device` where it trains;
with `progress=True` long work shows a bar on a terminal. Mistakes raise a `nag.NagError` that says what to do. The command line
(`nag --help`) runs the same functions and adds run folders, tracking and resuming.

`import nag` imports nothing heavy: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nag import diffusion as diffusion
    from nag import evaluation as evaluation
    from nag import graphs as graphs
    from nag import networks as networks
    from nag import predictors as predictors
    from nag import spaces as spaces
    from nag import tasks as tasks
    from nag.core.errors import NagError
    from nag.diffusion.generation import Samples, TrainedGenerator, TrainingSet, train_generator
    from nag.evaluation import list_tasks, load_task
    from nag.evaluation.evaluating import evaluate
    from nag.evaluation.predicted import (
        Guidance,
        TrainedMetaPredictor,
        TrainedPredictor,
        finetune_generator,
        fit_meta_predictor,
        fit_predictor,
    )
    from nag.graphs import Architecture
    from nag.report import write_report
    from nag.search import Problem, Study, search
    from nag.spaces import SearchSpace, list_spaces, load_space
    from nag.suites import run_suite
    from nag.tasks import Metric, Objective, Observations, Task
    from nag.training import FitOptions
    from nag.workflows.sources.load import load

__version__ = "0.2.0"

_HOMES = {
    "Architecture": "nag.graphs",
    "FitOptions": "nag.training",
    "Guidance": "nag.evaluation.predicted",
    "Metric": "nag.tasks",
    "NagError": "nag.core.errors",
    "Objective": "nag.tasks",
    "Observations": "nag.tasks",
    "Problem": "nag.search",
    "Samples": "nag.diffusion.generation",
    "SearchSpace": "nag.spaces",
    "Study": "nag.search",
    "Task": "nag.tasks",
    "TrainedGenerator": "nag.diffusion.generation",
    "TrainedMetaPredictor": "nag.evaluation.predicted",
    "TrainedPredictor": "nag.evaluation.predicted",
    "TrainingSet": "nag.diffusion.generation",
    "evaluate": "nag.evaluation.evaluating",
    "finetune_generator": "nag.evaluation.predicted",
    "fit_meta_predictor": "nag.evaluation.predicted",
    "fit_predictor": "nag.evaluation.predicted",
    "list_spaces": "nag.spaces",
    "list_tasks": "nag.evaluation",
    "load": "nag.workflows.sources.load",
    "load_space": "nag.spaces",
    "load_task": "nag.evaluation",
    "run_suite": "nag.suites",
    "search": "nag.search",
    "train_generator": "nag.diffusion.generation",
    "write_report": "nag.report",
}
"""Public name -> module that defines or exports it."""

_PACKAGES = ("diffusion", "evaluation", "graphs", "networks", "predictors", "search", "spaces", "tasks")
"""Packages that `import nag` gives without a further import; `nag.search` is also a function."""

__all__ = [
    "Architecture",
    "FitOptions",
    "Guidance",
    "Metric",
    "NagError",
    "Objective",
    "Observations",
    "Problem",
    "Samples",
    "SearchSpace",
    "Study",
    "Task",
    "TrainedGenerator",
    "TrainedMetaPredictor",
    "TrainedPredictor",
    "TrainingSet",
    "__version__",
    "evaluate",
    "finetune_generator",
    "fit_meta_predictor",
    "fit_predictor",
    "list_spaces",
    "list_tasks",
    "load",
    "load_space",
    "load_task",
    "run_suite",
    "search",
    "train_generator",
    "write_report",
]


if not TYPE_CHECKING:  # type checkers know the names by the imports above, and tell a misspelt one

    def __getattr__(name: str) -> Any:
        """Loads a public name, or a package, when it is first used (PEP 562)."""
        if name in _PACKAGES:
            return import_module(f"nag.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'nag' has no attribute '{name}'")
        found = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
