"""Trials: one architecture measured once, by training, by a proxy, or by what the user wrote."""
