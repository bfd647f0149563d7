"""Diffusion of directed acyclic graphs: processes, chains, generators, guidance, fine-tuning."""

from nag.diffusion.acceleration import accelerate
from nag.diffusion.chains import AncestralChain, Chain, Denoise, Tilt, UnmaskingChain, reweigh, simulate
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.finetuning import FineTuning, FineTuningResult, finetune
from nag.diffusion.generator import Generator, SamplingCost
from nag.diffusion.guidance.candidates import Candidates, GuidedDenoiser
from nag.diffusion.guidance.classifier_free import ClassifierFree, drop_conditions
from nag.diffusion.guidance.corrector import Corrector, Metropolis, Offspring, metropolis_corrector
from nag.diffusion.guidance.evolution import Evolution
from nag.diffusion.guidance.fronts import FrontGuidance
from nag.diffusion.guidance.particles import Particles, steer
from nag.diffusion.guidance.pipeline import GuidanceMethod, Proposal, Unguided
from nag.diffusion.guidance.refill import Refill
from nag.diffusion.guidance.request import Request
from nag.diffusion.guidance.score import Score
from nag.diffusion.guidance.value import ExactTilt, GradientTilt, NoisyValue, fit_value
from nag.diffusion.kernels import AbsorbingKernel, MarginalKernel, TransitionKernel, UniformKernel
from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.schedules import CosineSchedule, LinearSchedule, NoiseSchedule
from nag.diffusion.sde.chain import PredictorCorrector, ProbabilityFlow, ReverseDiffusion, SDEChain, SDESampler
from nag.diffusion.sde.generator import ScoreGenerator
from nag.diffusion.sde.predictions import CleanPrediction, NoisePrediction, Prediction
from nag.diffusion.sde.process import ScoreProcess
from nag.diffusion.sde.sdes import SDE, VESDE, VPSDE, SubVPSDE
from nag.diffusion.uniform import UniformGenerator

__all__ = [
    "SDE",
    "VESDE",
    "VPSDE",
    "AbsorbingKernel",
    "AncestralChain",
    "Candidates",
    "Chain",
    "ClassifierFree",
    "CleanPrediction",
    "Corrector",
    "CosineSchedule",
    "Denoise",
    "DiscreteGenerator",
    "DiscreteProcess",
    "Evolution",
    "ExactTilt",
    "FineTuning",
    "FineTuningResult",
    "FrontGuidance",
    "Generator",
    "GradientTilt",
    "GuidanceMethod",
    "GuidedDenoiser",
    "LinearSchedule",
    "LossTerms",
    "MarginalKernel",
    "Metropolis",
    "NoisePrediction",
    "NoiseSchedule",
    "NoisyValue",
    "Offspring",
    "Particles",
    "Prediction",
    "PredictorCorrector",
    "ProbabilityFlow",
    "Proposal",
    "Refill",
    "Request",
    "ReverseDiffusion",
    "SDEChain",
    "SDESampler",
    "SamplingCost",
    "Score",
    "ScoreGenerator",
    "ScoreProcess",
    "SubVPSDE",
    "Tilt",
    "TransitionKernel",
    "Unguided",
    "UniformGenerator",
    "UniformKernel",
    "UnmaskingChain",
    "accelerate",
    "denoising_loss",
    "drop_conditions",
    "finetune",
    "fit_value",
    "metropolis_corrector",
    "reweigh",
    "simulate",
    "steer",
]
