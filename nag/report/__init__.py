"""Stage: one self-contained HTML page about runs."""

from nag.report.page import write_report

__all__ = ["write_report"]
