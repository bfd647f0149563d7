"""Search: strategies that say what to evaluate next, as functions of problem, seed and history.

The package can be called: `nag.search(target, space, budget=...)` is `nag.search.study.search`.
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from nag.search.acquisition import ExpectedImprovement, Thompson, UpperConfidence
from nag.search.bayesian import BayesianOptimisation, InitialDesign
from nag.search.candidates import Mutants
from nag.search.evolution import RegularisedEvolution
from nag.search.evolutionary_denoising import EvolutionaryDenoising
from nag.search.guided import Generated
from nag.search.history import History
from nag.search.local_search import LocalSearch
from nag.search.mcts import TreeSearch
from nag.search.problem import ForbiddenMetric, Measurable, Problem
from nag.search.random_search import RandomSearch
from nag.search.robot import RoBoT
from nag.search.smbo import ModelBasedSearch
from nag.search.strategy import SpaceExhausted, Strategy
from nag.search.study import Study, search
from nag.search.surrogates import GPSurrogate, PredictorSurrogate

__all__ = [
    "BayesianOptimisation",
    "EvolutionaryDenoising",
    "ExpectedImprovement",
    "ForbiddenMetric",
    "GPSurrogate",
    "Generated",
    "History",
    "InitialDesign",
    "LocalSearch",
    "Measurable",
    "ModelBasedSearch",
    "Mutants",
    "PredictorSurrogate",
    "Problem",
    "RandomSearch",
    "RegularisedEvolution",
    "RoBoT",
    "SpaceExhausted",
    "Strategy",
    "Study",
    "Thompson",
    "TreeSearch",
    "UpperConfidence",
    "search",
]


class _SearchPackage(ModuleType):
    """This package, which is also the function `nag.search`."""

    __signature__ = inspect.signature(search)

    def __call__(self, *args: Any, **kwargs: Any) -> Study:
        """See `nag.search.study.search`."""
        return search(*args, **kwargs)


sys.modules[__name__].__class__ = _SearchPackage
