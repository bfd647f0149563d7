"""The contracts of nag, run on the package; copied to a name that pytest finds."""

import torch
from outside_nag.data import stripes
from outside_nag.models import CountPredictor, HalfSchedule, MarginalGenerator
from outside_nag.networks import PixelBuilder
from outside_nag.searching import Counting, FewestNodes, best_of_several, sharpness
from outside_nag.spaces import DESCRIPTION, Arrows, EdgesOfARemainder

from nag.graphs import Architecture
from nag.networks import DataShape
from nag.proxies import Batch, Proxy
from nag.spaces import space_from_mapping
from nag.testing import (
    BuilderContract,
    CodecContract,
    ConstraintContract,
    DataSetContract,
    EvaluatorContract,
    GeneratorContract,
    GuidanceContract,
    PredictorContract,
    ProxyContract,
    SpaceContract,
    StrategyContract,
)

SPACE = space_from_mapping(DESCRIPTION)
FREE = space_from_mapping({**DESCRIPTION, "constraints": {}})
SHAPE = DataShape("images", 1, 2, 5, 5)


class TestSpace(SpaceContract):
    def make(self):
        return SPACE


class TestConstraint(ConstraintContract):
    space = FREE

    def make(self):
        return EdgesOfARemainder(3, 1)


class TestCodec(CodecContract):
    space = SPACE

    def make(self):
        return Arrows()


class TestNetworks(BuilderContract):
    space, shape = SPACE, SHAPE

    def make(self):
        return PixelBuilder()


class TestDataSet(DataSetContract):
    def make(self, seed):
        return stripes(seed)


class TestPredictor(PredictorContract):
    space = SPACE

    def make(self, space):
        return CountPredictor(space)


class TestGenerator(GeneratorContract):
    space = SPACE

    def make(self, space, data):
        return MarginalGenerator(space, data, HalfSchedule())


class TestGuidance(GuidanceContract):
    space = SPACE

    def make(self, scale):
        return best_of_several(scale)


class TestStrategy(StrategyContract):
    space = SPACE

    def make(self, problem, seed):
        return FewestNodes(problem, seed)


class TestEvaluator(EvaluatorContract):
    space = SPACE

    def make(self):
        return Counting(SPACE)


class TestProxy(ProxyContract):
    def make(self):
        return Proxy("sharpness", sharpness)

    def network(self):
        return PixelBuilder().build(Architecture(("input", "blur", "output"), ((0, 1), (1, 2))), SHAPE, 0)

    def batch(self):
        return Batch(SHAPE.example(4, torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1]))
