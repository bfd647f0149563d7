"""Readers of the benchmarks that tasks are shipped for, one module each."""
