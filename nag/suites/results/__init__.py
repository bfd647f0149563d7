"""Rows and pages of results, and which of them a later version would not give."""
