"""Shared parts of the suites: trained models, samples, curves, fronts and timing."""
