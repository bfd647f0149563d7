"""Figures of the result pages, one function a benchmark suite, made from `docs/results` when the site is built."""
