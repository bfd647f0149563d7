"""Reward fine-tuning of a trained discrete generator."""

from nag.diffusion.finetuning.finetuning import FineTuning, FineTuningResult, Reward, finetune
from nag.diffusion.finetuning.policy_gradient import kl_to
from nag.diffusion.finetuning.state import FineTuningRound

__all__ = ["FineTuning", "FineTuningResult", "FineTuningRound", "Reward", "finetune", "kl_to"]
