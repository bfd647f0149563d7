"""Search: strategies that say what to evaluate next, as functions of problem, seed and history."""

from nag.search.evolution import RegularisedEvolution
from nag.search.goal import Goal, Objective
from nag.search.history import History, Observation
from nag.search.local_search import LocalSearch
from nag.search.mcts import TreeSearch
from nag.search.problem import ForbiddenMetric, Problem
from nag.search.random_search import RandomSearch
from nag.search.smbo import ModelBasedSearch
from nag.search.strategy import SpaceExhausted, Strategy

__all__ = [
    "ForbiddenMetric",
    "Goal",
    "History",
    "LocalSearch",
    "ModelBasedSearch",
    "Objective",
    "Observation",
    "Problem",
    "RandomSearch",
    "RegularisedEvolution",
    "SpaceExhausted",
    "Strategy",
    "TreeSearch",
]
