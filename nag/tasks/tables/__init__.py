"""Tables of measured architectures and of learning curves, and the files that they are read from."""

from typing import TYPE_CHECKING

from nag.core.lazy import lazily

if TYPE_CHECKING:
    from nag.tasks.tables.csv_table import read_csv_table
    from nag.tasks.tables.curves import CurveTable
    from nag.tasks.tables.table import BenchmarkTable

__all__ = ["BenchmarkTable", "CurveTable", "read_csv_table"]

lazily(__name__)
