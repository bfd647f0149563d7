"""Readers of the files that benchmarks are published as; `import_benchmark` writes what `data_dir` wants."""

from nag.tasks.published.importing import import_benchmark

__all__ = ["import_benchmark"]
