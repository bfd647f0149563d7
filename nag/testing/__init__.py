"""Contract tests of every interface, to be run on one's own classes.

A contract is a class with tests. Sub-class it in a test file under a name that begins with `Test`, and define its factory:

    from nag.testing import PredictorContract

    class TestMine(PredictorContract):
        space = load_space("nasbench201")

        def make(self, space):
            return Mine(space, seed=0)

`pytest` then runs the laws that nag's own predictors keep.
"""

from nag.testing.data_sets import DataSetContract
from nag.testing.evaluators import EvaluatorContract
from nag.testing.generators import GeneratorContract
from nag.testing.guidances import GuidanceContract
from nag.testing.networks import BuilderContract
from nag.testing.predictors import PredictorContract
from nag.testing.proxies import ProxyContract
from nag.testing.spaces import CodecContract, ConstraintContract, SpaceContract
from nag.testing.strategies import StrategyContract
from nag.testing.trackers import TrackerContract

__all__ = [
    "BuilderContract",
    "CodecContract",
    "ConstraintContract",
    "DataSetContract",
    "EvaluatorContract",
    "GeneratorContract",
    "GuidanceContract",
    "PredictorContract",
    "ProxyContract",
    "SpaceContract",
    "StrategyContract",
    "TrackerContract",
]
