"""Discrete diffusion of directed acyclic graphs: kernels, schedules, process, loss, samplers, guidance."""

from nag.diffusion.corrector import metropolis_corrector
from nag.diffusion.generator import DiscreteGenerator, SamplingCost
from nag.diffusion.guidance import Guidance, GuidedDenoiser, Score
from nag.diffusion.kernels import AbsorbingKernel, MarginalKernel, TransitionKernel, UniformKernel
from nag.diffusion.losses import LossTerms, denoising_loss
from nag.diffusion.process import DiscreteProcess
from nag.diffusion.sampler import Denoise, sample_ancestral, sample_unmasking
from nag.diffusion.schedules import CosineSchedule, LinearSchedule, NoiseSchedule

__all__ = [
    "AbsorbingKernel",
    "CosineSchedule",
    "Denoise",
    "DiscreteGenerator",
    "DiscreteProcess",
    "Guidance",
    "GuidedDenoiser",
    "LinearSchedule",
    "LossTerms",
    "MarginalKernel",
    "NoiseSchedule",
    "SamplingCost",
    "Score",
    "TransitionKernel",
    "UniformKernel",
    "denoising_loss",
    "metropolis_corrector",
    "sample_ancestral",
    "sample_unmasking",
]
