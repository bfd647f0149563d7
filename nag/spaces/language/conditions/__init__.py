"""Conditions: their grammar, what they refer to, and the cases that they leave."""
