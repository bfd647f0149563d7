"""Score models: stochastic differential equations on one-hot graphs, their samplers and their generator."""

from nag.diffusion.sde.chain import PredictorCorrector, ProbabilityFlow, ReverseDiffusion, SDEChain, SDESampler
from nag.diffusion.sde.generator import ScoreGenerator
from nag.diffusion.sde.predictions import CleanPrediction, NoisePrediction, Prediction
from nag.diffusion.sde.process import ScoreProcess
from nag.diffusion.sde.sdes import SDE, VESDE, VPSDE, SubVPSDE

__all__ = [
    "SDE",
    "VESDE",
    "VPSDE",
    "CleanPrediction",
    "NoisePrediction",
    "Prediction",
    "PredictorCorrector",
    "ProbabilityFlow",
    "ReverseDiffusion",
    "SDEChain",
    "SDESampler",
    "ScoreGenerator",
    "ScoreProcess",
    "SubVPSDE",
]
