"""Guidance: proposals that a score steers, selection, and correctors."""

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
from nag.diffusion.guidance.selection import select
from nag.diffusion.guidance.value import ExactTilt, GradientTilt, NoisyValue, fit_value

__all__ = [
    "Candidates",
    "ClassifierFree",
    "Corrector",
    "Evolution",
    "ExactTilt",
    "FrontGuidance",
    "GradientTilt",
    "GuidanceMethod",
    "GuidedDenoiser",
    "Metropolis",
    "NoisyValue",
    "Offspring",
    "Particles",
    "Proposal",
    "Refill",
    "Request",
    "Score",
    "Unguided",
    "drop_conditions",
    "fit_value",
    "metropolis_corrector",
    "select",
    "steer",
]
