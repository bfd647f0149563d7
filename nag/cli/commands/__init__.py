"""The commands: one function each, configuration in, objects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nag.cli.commands.measuring import benchmark, evaluate, report
from nag.cli.commands.sampling import sample
from nag.cli.commands.searching import search
from nag.cli.commands.starting import export, import_table, quickstart, show
from nag.cli.commands.training import finetune_generator, train_generator, train_meta_predictor, train_predictor

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True)
class Command:
    """A command of the console script.

    Args:
        run: Carries it out; its docstring is the command's summary.
        example: A call that works.
        positional: The option that may be given without its name.
        files: Options that take a path although a group of configurations has their name.
        mappings: Options that take names of the user's own.
        texts: Options that take text with signs of its own.
    """

    run: Callable[[DictConfig], None]
    example: str
    positional: str | None = None
    files: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def config(self) -> str:
        """Name of its root configuration."""
        return self.run.__name__

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        first = (self.run.__doc__ or "").splitlines()[0].rstrip(".")
        return first[:1].lower() + first[1:]


COMMANDS = {
    "quickstart": Command(quickstart, "nag quickstart task=nas_bench_graph/arxiv"),
    "train-generator": Command(
        train_generator,
        "nag train-generator search_space=nasbench201 train_fraction=0.5",
        mappings=("conditions",),
    ),
    "train-predictor": Command(
        train_predictor,
        "nag train-predictor task=nas_bench_graph/cora num_train=200",
    ),
    "train-meta-predictor": Command(
        train_meta_predictor,
        "nag train-meta-predictor tasks=[nas_bench_graph/citeseer,nas_bench_graph/pubmed,nas_bench_graph/cs]",
    ),
    "sample": Command(
        sample,
        "nag sample generator=g/generator.safetensors predictor=p/predictor.safetensors task=nas_bench_graph/cora",
        files=("generator", "predictor"),
        mappings=("objective.maximise", "objective.minimise", "objective.limits", "guidance.proposal.condition", "descriptor"),
    ),
    "evaluate": Command(
        evaluate,
        "nag evaluate architectures=s/architectures.jsonl task=digits/nasbench201 evaluator=train",
        texts=("evaluator.command", "evaluator.function"),
    ),
    "search": Command(
        search,
        "nag search task=digits/nasbench201 evaluator=train budget=20",
        files=("generator",),
        mappings=("limits",),
        texts=("evaluator.command", "evaluator.function"),
    ),
    "report": Command(report, "nag report runs=[runs/quickstart/2026-01-01]"),
    "show": Command(
        show,
        "nag show '0,1,2,3|gcn,gat,fc,gin' search_space=nas_bench_graph",
        "architecture",
    ),
    "export": Command(
        export,
        "nag export '0,1,2,3|gcn,gat,fc,gin' task=sbm/nas_bench_graph",
        "architecture",
    ),
    "import-table": Command(
        import_table,
        "nag import-table csv=mine.csv search_space=mine.yaml search_metric=accuracy",
    ),
    "finetune-generator": Command(
        finetune_generator,
        "nag finetune-generator generator=g/generator.safetensors task=nas_bench_graph/cora budget=500",
        files=("generator", "predictor"),
    ),
    "benchmark": Command(
        benchmark,
        "nag benchmark suite=generation preset=quick out_dir=runs/generation",
    ),
}
