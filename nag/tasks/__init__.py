"""Tasks: objectives under limits, benchmark tables and their readers, and splits."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.tasks.catalogue import list_tasks, load_task, task_names
    from nag.tasks.importing import TableColumns, import_table
    from nag.tasks.limits import Limit, parse_limits
    from nag.tasks.metric import Metric
    from nag.tasks.objective import Objective, Observed
    from nag.tasks.objective_syntax import parse_objective
    from nag.tasks.observations import Observation, Observations
    from nag.tasks.published import import_benchmark
    from nag.tasks.sources import Source, TrainedNetworks, UserEvaluator
    from nag.tasks.splits import Split, split_by_class
    from nag.tasks.tables import BenchmarkTable, CurveTable, read_csv_table
    from nag.tasks.task import Task

__all__ = [
    "BenchmarkTable",
    "CurveTable",
    "Limit",
    "Metric",
    "Objective",
    "Observation",
    "Observations",
    "Observed",
    "Source",
    "Split",
    "TableColumns",
    "Task",
    "TrainedNetworks",
    "UserEvaluator",
    "import_benchmark",
    "import_table",
    "list_tasks",
    "load_task",
    "parse_limits",
    "parse_objective",
    "read_csv_table",
    "split_by_class",
    "task_names",
]

lazily(__name__)
