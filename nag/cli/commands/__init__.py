"""The commands: one function each, checked options in, objects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nag.cli import schemas
from nag.cli.commands.measuring import benchmark, evaluate, report
from nag.cli.commands.sampling import sample
from nag.cli.commands.searching import search
from nag.cli.commands.starting import export, import_benchmark, import_table, quickstart, show
from nag.cli.commands.training import finetune_generator, train_generator, train_meta_predictor, train_predictor

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True)
class Command:
    """A command of the console script.

    Args:
        run: Carries it out, given the configuration and the options; its docstring is the command's summary.
        schema: Its options.
        example: A call that works.
        positional: The option that may be given without its name.

    Example:
        >>> from nag.cli.commands import COMMANDS
        >>> COMMANDS["search"].summary, COMMANDS["search"].config
        ('search for the best architecture with few labels', 'search')
    """

    run: Callable[[Any, Any], None]
    schema: type[schemas.CommandOptions]
    example: str
    positional: str | None = None

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
    "quickstart": Command(quickstart, schemas.QuickstartOptions, "nag quickstart task=nas_bench_graph/arxiv"),
    "train-generator": Command(
        train_generator,
        schemas.TrainGeneratorOptions,
        "nag train-generator search_space=nasbench201 train_fraction=0.5",
    ),
    "train-predictor": Command(
        train_predictor,
        schemas.TrainPredictorOptions,
        "nag train-predictor task=nas_bench_graph/cora num_train=200",
    ),
    "train-meta-predictor": Command(
        train_meta_predictor,
        schemas.TrainMetaPredictorOptions,
        "nag train-meta-predictor tasks=[nas_bench_graph/citeseer,nas_bench_graph/pubmed,nas_bench_graph/cs]",
    ),
    "sample": Command(
        sample,
        schemas.SampleOptions,
        "nag sample generator=g/generator.safetensors predictor=p/predictor.safetensors task=nas_bench_graph/cora",
    ),
    "evaluate": Command(
        evaluate,
        schemas.EvaluateOptions,
        "nag evaluate architectures=s/architectures.jsonl task=digits/nasbench201 evaluator=train",
    ),
    "search": Command(search, schemas.SearchOptions, "nag search task=digits/nasbench201 evaluator=train budget=20"),
    "report": Command(report, schemas.ReportOptions, "nag report runs=[runs/quickstart/2026-01-01]"),
    "show": Command(
        show,
        schemas.ShowOptions,
        "nag show '0,1,2,3|gcn,gat,fc,gin' search_space=nas_bench_graph",
        "architecture",
    ),
    "export": Command(
        export,
        schemas.ExportOptions,
        "nag export '0,1,2,3|gcn,gat,fc,gin' task=sbm/nas_bench_graph",
        "architecture",
    ),
    "import-table": Command(
        import_table,
        schemas.ImportTableOptions,
        "nag import-table csv=mine.csv search_space=mine.yaml search_metric=accuracy",
    ),
    "import-benchmark": Command(
        import_benchmark,
        schemas.ImportBenchmarkOptions,
        "nag import-benchmark nasbench_only108.tfrecord out_dir=tables",
        "file",
    ),
    "finetune-generator": Command(
        finetune_generator,
        schemas.FinetuneGeneratorOptions,
        "nag finetune-generator generator=g/generator.safetensors task=nas_bench_graph/cora budget=500",
    ),
    "benchmark": Command(
        benchmark,
        schemas.BenchmarkOptions,
        "nag benchmark suite=generation preset=quick out_dir=runs/generation",
    ),
}
