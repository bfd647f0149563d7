"""Stage: fine-tune a trained generator on a reward, from a predictor or from labels of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nag.core.files import write_json_lines
from nag.diffusion.finetuning.finetuning import FineTuning
from nag.diffusion.finetuning.policy_gradient import kl_to
from nag.diffusion.finetuning.state import FineTuningRound
from nag.diffusion.generation import TrainedGenerator
from nag.evaluation import Ledger, sample_metrics
from nag.evaluation.predicted.finetuning import FineTuned, check_source, finetune_toward
from nag.evaluation.predicted.rewards import LabelSource, RewardSource
from nag.graphs import DagBatch
from nag.training.state import SavedTraining
from nag.workflows.run_folder.run import RunFolder, stage

__all__ = ["finetune_generator"]

_KL_SAMPLES = 256


@stage
def finetune_generator(
    run: RunFolder, trained: TrainedGenerator, source: RewardSource, options: FineTuning, metric_samples: int = 1000
) -> Path:
    """Fine-tunes a generator; the checkpoint is one of `train_generator`, so that samples can be drawn from it.

    `reward_before` is the mean reward of the base's samples, in the first round. `reward_after` is that of fresh samples
    of the fine-tuned generator where rewards are free; where they cost labels it is that of the last round's samples.

    Args:
        run: Run folder; gets `generator.safetensors`, `history.jsonl` (one line a round) and `finetune_state.pt`. A run that is
            resumed goes on, to more rounds or labels, as if it had not ended.
        trained: The base.
        source: Rewards; a label source ends the run when its budget is spent.
        options: Length and strength.
        metric_samples: Fresh samples that the sample metrics are computed on.

    Returns:
        Path of the checkpoint.

    Raises:
        InvalidRequest: The generator is not discrete, the source is of another space, or no sample of the base has a
            reward.
    """
    base, space = check_source(trained, source), trained.space
    run.lock()
    saved = SavedTraining(run.path / "finetune_state.pt", run.resume, run.identity)
    run.start()
    run.record_identity()
    rng = torch.Generator(device=trained.device).manual_seed(run.seed)
    tuned = finetune_toward(trained, source, options, rng, run.tracker, run.seed, saved)
    write_json_lines(run.output("history.jsonl"), (_plain(row) for row in tuned.rows))
    _save(run, tuned.trained)
    raw = tuned.result.generator.sample(metric_samples, rng)
    run.finish(
        {
            "search_space": space.name,
            **source.metadata(),
            **_plain(_rewards(source, raw[space.is_valid(raw)], tuned.result.history)),
            "rounds": len(tuned.rows),
            "kl_to_base": kl_to(base, tuned.result.generator, _KL_SAMPLES, rng),
            "finetune_cpu_seconds": tuned.cpu_seconds,
            **_consumed(trained, source, tuned, base.cost(options.batch_size).network_evaluations).as_metrics(),
            **sample_metrics(space, raw.to("cpu"), trained.reference, run.seed).values,
        }
    )
    return run.path / "generator.safetensors"


def _rewards(source: RewardSource, valid: DagBatch, history: Sequence[FineTuningRound]) -> dict[str, Any]:
    """Rewards of the base's samples, of fresh valid ones of the fine-tuned generator, and the best of all."""
    after = _mean_reward(source, valid, history[-1])
    return {"reward_before": history[0].reward_mean, "reward_after": after, "reward_best": history[-1].best_so_far}


def _consumed(trained: TrainedGenerator, source: RewardSource, tuned: FineTuned, evaluations: int) -> Ledger:
    """All that the fine-tuned generator took, with so many network evaluations a round."""
    return source.as_ledger() + Ledger(
        labels_used=int(trained.metadata.get("labels_used", 0)),
        network_evaluations=evaluations * len(tuned.rows),
        train_cpu_seconds=float(trained.metadata.get("train_cpu_seconds", 0.0)) + tuned.cpu_seconds,
    )


def _mean_reward(source: RewardSource, dags: DagBatch, last: FineTuningRound) -> float:
    """Mean reward of fresh valid samples; of the last round's where each would cost labels."""
    if isinstance(source, LabelSource) or not len(dags):
        return last.reward_mean
    return float(source(dags).mean())


def _save(run: RunFolder, tuned: TrainedGenerator) -> None:
    finetuned = {**tuned.metadata["finetuned"], "config": dict(run.config)}
    replace(tuned, metadata={**tuned.metadata, "finetuned": finetuned}).save(run.output("generator.safetensors"))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers that are not finite as null, which JSON has."""
    return {key: None if isinstance(value, float) and value != value else value for key, value in row.items()}
