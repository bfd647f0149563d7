"""Computes the cells of a suite: what is missing, in one or several processes."""
