"""Stage: one self-contained HTML page about runs."""

from nag.workflows.report.page import write_report

__all__ = ["write_report"]
