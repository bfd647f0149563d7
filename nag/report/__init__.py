"""Stage: one self-contained HTML page about runs."""

from nag.core.packages import require

require("plotly", extra="report")  # before the modules that import it

from nag.report.page import write_report  # noqa: E402

__all__ = ["write_report"]
