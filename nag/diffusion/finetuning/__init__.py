"""Reward fine-tuning of a trained discrete generator."""

from nag.diffusion.finetuning.finetuning import FineTuning, FineTuningResult, FineTuningRound, Reward, finetune
from nag.diffusion.finetuning.policy_gradient import kl_to

__all__ = ["FineTuning", "FineTuningResult", "FineTuningRound", "Reward", "finetune", "kl_to"]
