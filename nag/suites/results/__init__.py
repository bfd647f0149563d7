"""Rows and pages of results, and the fixes that outdated them."""
