"""Stage: fine-tune a trained generator on a reward, from a predictor or from labels of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nag.core.errors import InvalidRequest
from nag.core.files import write_json_lines
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.finetuning import FineTuning, FineTuningResult, FineTuningRound, finetune
from nag.diffusion.finetuning.policy_gradient import kl_to
from nag.diffusion.generation import TrainedGenerator
from nag.evaluation import Ledger, Stopwatch, sample_metrics
from nag.graphs import DagBatch
from nag.spaces.models import save_model
from nag.workflows.reward_sources import LabelSource, RewardSource
from nag.workflows.run import RunFolder, stage

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
        run: Run folder; gets `generator.safetensors` and `history.jsonl` (one line a round).
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
    base, space = trained.generator, trained.space
    if not isinstance(base, DiscreteGenerator):
        raise InvalidRequest(f"a {type(base).__name__} cannot be fine-tuned", "Use a discrete generator.")
    if source.space.fingerprint != space.fingerprint:
        raise InvalidRequest(
            f"the generator belongs to {space.name}, its reward to {source.space.name}", "Use a generator of that space."
        )
    run.start()
    device = base.sizes.device
    rng = torch.Generator(device=device).manual_seed(run.seed)
    watch, rows = Stopwatch(), []
    with run.tracker.progress(options.rounds, "fine-tuning", "rounds") as progress:

        def on_round(state: FineTuningRound) -> bool:
            rows.append({**state.as_dict(), "labels_used": source.labels_used})
            run.tracker.log({f"finetune/{name}": value for name, value in rows[-1].items()}, step=state.index)
            progress.advance(1)
            progress.note(f"reward {state.reward_mean:.4g}, best {state.best_so_far:.4g}, {source.labels_used} labels")
            return source.spent

        result = finetune(base, source, options, rng, on_round)
    seconds = round(watch.cpu, 3)
    if not result.history[0].rewarded:
        raise InvalidRequest("no sample of the generator has a reward", "Train it longer, or use a task that measured more.")
    write_json_lines(run.output("history.jsonl"), (_plain(row) for row in rows))
    _save(run.output("generator.safetensors"), run, trained, source, result, seconds)
    raw = result.generator.sample(metric_samples, rng)
    rewards = {
        "reward_before": result.history[0].reward_mean,
        "reward_after": _mean_reward(source, raw[space.is_valid(raw)], result.history[-1]),
        "reward_best": result.history[-1].best_so_far,
    }
    spent = source.as_ledger() + Ledger(
        labels_used=int(trained.facts.get("labels_used", 0)),
        network_evaluations=base.cost(options.batch_size).network_evaluations * len(result.history),
        train_cpu_seconds=float(trained.facts.get("train_cpu_seconds", 0.0)) + seconds,
    )
    run.finish(
        {
            "search_space": space.name,
            **source.facts(),
            **_plain(rewards),
            "rounds": len(result.history),
            "kl_to_base": kl_to(base, result.generator, _KL_SAMPLES, rng),
            "finetune_cpu_seconds": seconds,
            **spent.as_metrics(),
            **sample_metrics(space, raw.to("cpu"), trained.reference, run.seed).values,
        }
    )
    return run.path / "generator.safetensors"


def _mean_reward(source: RewardSource, dags: DagBatch, last: FineTuningRound) -> float:
    """Mean reward of fresh valid samples; of the last round's where each would cost labels."""
    if isinstance(source, LabelSource) or not len(dags):
        return last.reward_mean
    return float(source(dags).mean())


def _save(
    path: Path, run: RunFolder, trained: TrainedGenerator, source: RewardSource, result: FineTuningResult, seconds: float
) -> None:
    ledger = source.as_ledger()
    earlier = trained.facts.get("labels_used", 0)
    facts = {
        **trained.facts,
        "train_cpu_seconds": round(float(trained.facts.get("train_cpu_seconds", 0.0)) + ledger.train_cpu_seconds + seconds, 3),
        "labels_used": int(earlier) + ledger.labels_used,
        "finetuned": {
            **source.facts(),
            "base": {name: trained.facts.get(name) for name in ("seed", "steps", "train_size", "finetuned")},
            "config": dict(run.config),
            "rounds": len(result.history),
            "labels_used": ledger.labels_used,
            "seed": run.seed,
        },
    }
    save_model(path, result.generator, facts, extra=trained.reference.tensors())


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers that are not finite as null, which JSON has."""
    return {key: None if isinstance(value, float) and value != value else value for key, value in row.items()}
