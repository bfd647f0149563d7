"""Derivations: decisions, words, the way back, neighbours."""
