"""Fine-tuning of a trained generator on a reward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.stopwatch import Stopwatch
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.finetuning import FineTuning, FineTuningResult, finetune
from nag.diffusion.finetuning.state import FineTuningRound, FineTuningState, read_finetuning, write_finetuning
from nag.diffusion.generation import TrainedGenerator
from nag.diffusion.generation.guides import ArchitectureScore
from nag.evaluation.predicted.rewards import FunctionSource, PredictorSource, RewardSource
from nag.evaluation.predicted.trained import TrainedPredictor
from nag.tracking import RunTracker, terminal_progress
from nag.training.state import SavedTraining

__all__ = ["FineTuned", "check_source", "finetune_generator", "finetune_toward"]

_NOT_SAVED = SavedTraining()


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned generator, and how it came about.

    Args:
        trained: The generator.
        result: Its history.
        rows: One mapping a round.
        cpu_seconds: CPU seconds that it took.
    """

    trained: TrainedGenerator
    result: FineTuningResult
    rows: list[dict[str, Any]]
    cpu_seconds: float


def finetune_generator(
    generator: TrainedGenerator,
    reward: TrainedPredictor | ArchitectureScore,
    *,
    options: FineTuning | None = None,
    seed: int = 0,
    progress: bool = True,
) -> TrainedGenerator:
    """Raises the reward of a generator's samples by a policy gradient that stays near the generator.

    Args:
        generator: A discrete generator, which stays as it is.
        reward: A predictor, or a function that takes a list of valid architectures and returns a number of each, greater being
            better.
        options: Length and strength; the command line's defaults if None.
        seed: Seed of all randomness.
        progress: Whether to show a bar on a terminal.

    Raises:
        InvalidRequest: The generator is not discrete, the predictor is of another space, or no sample has a reward.

    Example:
        >>> import nag
        >>> generator = nag.load("g.safetensors")
        >>> short = nag.diffusion.FineTuning(rounds=1, batch_size=16)
        >>> nag.finetune_generator(generator, lambda archs: [len(arch.edges) for arch in archs], options=short)
        TrainedGenerator(DiscreteGenerator of nas_bench_graph, 300 steps)
    """
    source: RewardSource
    if isinstance(reward, TrainedPredictor):
        source = PredictorSource(reward)
    elif callable(reward):
        source = FunctionSource(generator.space, reward)
    else:
        hint = "Pass a predictor of nag.fit_predictor, or a function of a list of architectures."
        raise InvalidRequest(f"a {type(reward).__name__} is no reward", hint)
    rng = torch.Generator(device=generator.device).manual_seed(seed)
    tuned = finetune_toward(generator, source, options or FineTuning(), rng, terminal_progress(progress), seed)
    return tuned.trained


def finetune_toward(
    trained: TrainedGenerator,
    source: RewardSource,
    options: FineTuning,
    rng: torch.Generator,
    tracker: RunTracker,
    seed: int,
    saved: SavedTraining = _NOT_SAVED,
) -> FineTuned:
    """Fine-tunes a generator on a source of rewards; a label source ends it when its budget is spent.

    Args:
        trained: The base.
        source: Rewards.
        options: Length and strength.
        rng: Source of randomness, on the generator's device.
        tracker: Gets the rounds and progress.
        seed: That of `rng`, for the metadata.
        saved: Where the state is kept after each round, and whether to continue from it, also to more rounds.

    Raises:
        InvalidRequest: The generator is not discrete, the source is of another space, or no sample of the base has a reward.
    """
    base = check_source(trained, source)
    begun = _begun(saved, source, options)
    watch, rows, before = Stopwatch(), list(begun.get("rows", [])), float(begun.get("seconds", 0.0))

    def keep(state: FineTuningState) -> None:
        rows.append({**state.history[-1].as_dict(), "labels_used": source.labels_used})
        if saved.path is not None:
            kept = {"rows": rows, "seconds": before + watch.cpu, "source": source.state()}
            write_finetuning(saved.path, saved.identity, {**state.as_dict(), **kept})

    if begun and source.spent:
        options = replace(options, rounds=len(rows))
    with tracker.progress(options.rounds, "fine-tuning", "rounds", initial=len(rows)) as progress:

        def on_round(state: FineTuningRound) -> bool:
            tracker.log({f"finetune/{name}": value for name, value in rows[-1].items()}, step=state.index)
            progress.advance(1)
            progress.note(f"reward {state.reward_mean:.4g}, best {state.best_so_far:.4g}, {source.labels_used} labels")
            return source.spent

        result = finetune(base, source, options, rng, on_round, begun or None, keep)
    seconds = round(before + watch.cpu, 3)
    if not result.history[0].rewarded:
        raise InvalidRequest("no sample of the generator has a reward", "Train it longer, or use a task that measured more.")
    metadata = _metadata(trained, source, result, seconds, seed)
    return FineTuned(replace(trained, generator=result.generator, metadata=metadata), result, rows, seconds)


def _begun(saved: SavedTraining, source: RewardSource, options: FineTuning) -> dict[str, Any]:
    """The state to continue from; empty where the fine-tuning begins."""
    if saved.found is None:
        return {}
    begun = read_finetuning(saved.found, saved.identity)
    rows, known = begun.get("rows"), begun.get("source")
    if not isinstance(rows, list) or not rows or not isinstance(known, dict) or not isinstance(begun.get("seconds"), float):
        raise DamagedFile(f"'{saved.found}' is no complete state of a fine-tuning", "Delete it and fine-tune again.")
    if len(rows) > options.rounds:
        what = f"'{saved.found.parent}' holds a fine-tuning of {len(rows)} rounds, finetuning.rounds is {options.rounds}"
        raise InvalidRequest(what, f"Use finetuning.rounds={len(rows)} or more.")
    source.restore(known)
    return begun


def check_source(trained: TrainedGenerator, source: RewardSource) -> DiscreteGenerator:
    """The generator, if a source of rewards can fine-tune it.

    Raises:
        InvalidRequest: The generator is not discrete, or the source is of another space.
    """
    base = trained.generator
    if not isinstance(base, DiscreteGenerator):
        raise InvalidRequest(f"a {type(base).__name__} cannot be fine-tuned", "Use a discrete generator.")
    if source.space.fingerprint != trained.space.fingerprint:
        what = f"the generator belongs to {trained.space.name}, its reward to {source.space.name}"
        raise InvalidRequest(what, "Use a generator of that space.")
    return base


def _metadata(
    trained: TrainedGenerator, source: RewardSource, result: FineTuningResult, seconds: float, seed: int
) -> dict[str, Any]:
    """Training metadata in the checkpoint of the fine-tuned generator."""
    ledger, before = source.as_ledger(), trained.metadata
    return {
        **before,
        "train_cpu_seconds": round(float(before.get("train_cpu_seconds", 0.0)) + ledger.train_cpu_seconds + seconds, 3),
        "labels_used": int(before.get("labels_used", 0)) + ledger.labels_used,
        "finetuned": {
            **source.metadata(),
            "base": {name: before.get(name) for name in ("seed", "steps", "train_size", "finetuned")},
            "rounds": len(result.history),
            "labels_used": ledger.labels_used,
            "seed": seed,
        },
    }
