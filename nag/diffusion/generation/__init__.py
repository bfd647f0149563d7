"""Trained generators: what they are trained on, how they are trained and sampled, and what they give."""

from nag.diffusion.generation.graph_batches import GraphBatchSampler, quantiles
from nag.diffusion.generation.guides import Guide, GuideLike, ScoreGuide, as_guide
from nag.diffusion.generation.reference import SpaceReference
from nag.diffusion.generation.samples import Samples
from nag.diffusion.generation.sampling import Draws, check_request, draw_valid
from nag.diffusion.generation.trained import TrainedGenerator, load_generator
from nag.diffusion.generation.training import (
    DEFAULT_TRAINING,
    STEPS_PER_POSITION,
    default_steps,
    fit_generator,
    train_generator,
)
from nag.diffusion.generation.training_set import TrainingSet, check_drawable

__all__ = [
    "DEFAULT_TRAINING",
    "STEPS_PER_POSITION",
    "Draws",
    "GraphBatchSampler",
    "Guide",
    "GuideLike",
    "Samples",
    "ScoreGuide",
    "SpaceReference",
    "TrainedGenerator",
    "TrainingSet",
    "as_guide",
    "check_drawable",
    "check_request",
    "default_steps",
    "draw_valid",
    "fit_generator",
    "load_generator",
    "quantiles",
    "train_generator",
]
