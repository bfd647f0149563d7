"""Exact counts and uniform draws by automata."""
