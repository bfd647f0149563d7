"""Computation of the missing cells of a suite, in one or several processes."""
