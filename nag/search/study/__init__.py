"""Studies: the loop of a search, and what it found."""

from nag.search.study.loop import observation_of, queries
from nag.search.study.measurable import measurable
from nag.search.study.results import SearchResults, check_limits, feasible_optimum, objective_of_metrics, values_of
from nag.search.study.searching import DEFAULT_STRATEGY, search
from nag.search.study.study import Query, Study

__all__ = [
    "DEFAULT_STRATEGY",
    "Query",
    "SearchResults",
    "Study",
    "check_limits",
    "feasible_optimum",
    "measurable",
    "objective_of_metrics",
    "observation_of",
    "queries",
    "search",
    "values_of",
]
