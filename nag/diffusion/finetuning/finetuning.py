"""Reward fine-tuning of a discrete generator: a policy gradient, held near the base model.

Under an absorbing kernel with a random order of unmasking, the states x_t on the way to x_0 are random maskings of x_0,
so that no trajectory need be stored. With A the advantage of a sample, grad E[R] = E[A(x_0) grad log p(x_0)]
(REINFORCE), and over random orders the any-order identity says

    E[-log p(x_0 | order)] = E_k[(P / k) * sum of the cross-entropies at k masked positions],

with P the number of generated positions and k uniform on 1..P: the gradient is that of the advantage-weighted masked
cross-entropy times P. It is unbiased where the denoiser's conditionals agree for all orders; otherwise it leaves out
that a sample makes some orders likelier than others. Under other kernels the advantage-weighted log p(x_0 | x_t) is the
"eager" policy gradient of graph diffusion policy optimisation (Liu et al. 2024, eq. 9), an approximation.

Advantages are rewards standardised in their batch (group-relative; Shao et al. 2024). Several gradient steps on one
batch are clipped as in proximal policy optimisation (Schulman et al. 2017, eq. 7), with the ratio of likelihoods a
position (Zheng et al. 2025, group sequence policy optimisation), both taken at the same masks. The best distinct graphs
so far are replayed where they beat the batch (self-imitation; Oh et al. 2018); their rewards are known, so replay costs
no label. A penalty on the exact divergence from the frozen base at the same states keeps the samples in its support.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from nag.core.divergence import all_finite, diverged
from nag.core.numbers import BatchSize, Count, NonNegative, Positive, Rate, Size, SmallCount
from nag.core.signatures import checked
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.elites import Elites
from nag.diffusion.finetuning.policy_gradient import NoisyStates, divergence, draw_states, log_likelihood
from nag.diffusion.finetuning.state import FineTuningRound, FineTuningState
from nag.graphs import DagBatch
from nag.nn import GraphLogits

__all__ = ["FineTuning", "FineTuningResult", "Reward", "finetune"]

Reward = Callable[[DagBatch], Tensor]
"""B valid graphs -> (B,) rewards, the higher the better; nan where there is none (such graphs are left out)."""

_MOST = 3.0


@checked
@dataclass(frozen=True)
class FineTuning:
    """Options of fine-tuning.

    Args:
        rounds: Rounds of sampling, each with fresh samples.
        batch_size: Samples a round.
        gradient_steps: Steps on the samples of one round.
        learning_rate: Of Adam.
        kl: Weight of the divergence from the base (nats a graph) against the advantage (standard deviations).
        clip: How far the likelihood ratio may leave 1 before a sample's gradient ends.
        masks: Noisy states of each sample.
        elites: Number of best distinct graphs that are replayed each round; 0 for none.
        least_spread: Rewards are standardised by their deviation in the batch, but at least by this share of the
            first batch's. 0 keeps pressing however alike the samples have become; 1 keeps one scale, so that the
            optimum is the base's distribution times exp(advantage / kl).
        gradient_clip: Greatest norm of a gradient.

    Raises:
        InvalidRequest: A value is out of its range.

    Example:
        >>> from nag.diffusion import FineTuning
        >>> FineTuning(rounds=5, batch_size=32).kl
        0.05
    """

    rounds: Count = 20
    batch_size: Annotated[BatchSize, Field(ge=2)] = 64
    gradient_steps: Count = 4
    learning_rate: Rate = 1e-3
    kl: NonNegative = 0.05
    clip: Positive = 0.2
    masks: SmallCount = 8
    elites: Size = 16
    least_spread: NonNegative = 0.1
    gradient_clip: Positive = 1.0


@dataclass(frozen=True)
class FineTuningResult:
    """What fine-tuning gave.

    Args:
        generator: The fine-tuned generator, in evaluation mode.
        history: One entry a round.
        elites: The best distinct graphs, with their rewards.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, FineTuning, finetune
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> result = finetune(generator, edges, FineTuning(rounds=1, batch_size=8, gradient_steps=1, masks=2), rng)
        >>> len(result.history), type(result.generator).__name__
        (1, 'DiscreteGenerator')
    """

    generator: DiscreteGenerator
    history: tuple[FineTuningRound, ...]
    elites: Elites


def finetune(
    generator: DiscreteGenerator,
    reward: Reward,
    options: FineTuning,
    rng: torch.Generator,
    on_round: Callable[[FineTuningRound], object] = lambda row: None,
    begun: Mapping[str, Any] | None = None,
    keep: Callable[[FineTuningState], None] = lambda state: None,
) -> FineTuningResult:
    """Raises the mean reward of a generator's samples.

    Invalid samples get no reward but an advantage below that of every valid one. It ends early where a round has no
    rewarded sample, because there is no training signal; a constant reward changes nothing.

    Args:
        generator: The base; stays as it is.
        reward: Judges valid graphs.
        options: Length and strength.
        rng: Source of randomness, on the generator's device.
        on_round: Called after each round; a true answer ends the fine-tuning.
        begun: State of an earlier run with fewer rounds (see `FineTuningState.as_dict`), which goes on to what one run of all
            rounds would have given; None to begin.
        keep: Called after each round, before `on_round`, with the state to save.

    Raises:
        InvalidRequest: The training diverges.
        DamagedFile: The state does not fit the generator.

    Example:
        >>> import torch
        >>> from nag.diffusion import DiscreteGenerator, FineTuning, finetune
        >>> from nag.spaces import load_space, sample_uniform
        >>> space = load_space("nas_bench_graph")
        >>> data = sample_uniform(space, 20, seed=0)
        >>> generator = DiscreteGenerator(space, data, width=8, layers=1, heads=2)  # untrained
        >>> def edges(dags):
        ...     return dags.adjacency.sum((1, 2)).double()
        >>> rng = torch.Generator().manual_seed(0)
        >>> result = finetune(generator, edges, FineTuning(rounds=1, batch_size=8, gradient_steps=1, masks=2), rng)
        >>> result.generator is generator, result.history[0].index
        (False, 0)
    """
    base = copy.deepcopy(generator).eval().requires_grad_(False)
    state = FineTuningState.begin(generator, options.learning_rate, max(options.elites, 1), rng)
    if begun is not None:
        state.restore(begun)
    while len(state.history) < options.rounds and not state.ended:
        state.history.append(_round(state, base, reward, options))
        keep(state)
        if on_round(state.history[-1]):
            break
    return FineTuningResult(state.policy.requires_grad_(False), tuple(state.history), state.elites)


def _round(state: FineTuningState, base: DiscreteGenerator, reward: Reward, options: FineTuning) -> FineTuningRound:
    """Draws samples, trains on their rewards and keeps the best."""
    index, space = len(state.history), base.space
    dags = state.policy.sample(options.batch_size, state.rng)
    valid = space.is_valid(dags)
    values = _rewards(reward, dags, valid)
    known = values.isfinite()
    replayed = state.elites if options.elites else state.elites.none(0, dags)
    state.elites = state.elites.merge(dags[known], values[known], space.function_codes(dags[known]))
    kl, clipped = 0.0, 0.0
    if bool(known.any()):
        if index == 0:
            state.floor = options.least_spread * values[known].std(correction=0)
        graphs, advantages = _lesson(dags, values, valid, replayed, state.floor)
        # until a reward tells samples apart the gradient is rounding, which Adam makes whole steps of
        state.moved = state.moved or bool(advantages.any())
        if state.moved:
            kl, clipped = _improve(state, base, graphs, advantages, options)
    return _summary(index, valid, values[known], state.elites, kl, clipped)


def _rewards(reward: Reward, dags: DagBatch, valid: Tensor) -> Tensor:
    """(B,) float64; nan where there is none."""
    values = torch.full((len(dags),), float("nan"), dtype=torch.float64, device=dags.device)
    if bool(valid.any()):
        values[valid] = reward(dags[valid]).to(values)
    return torch.where(values.isfinite(), values, float("nan"))


def _lesson(dags: DagBatch, values: Tensor, valid: Tensor, replayed: Elites, floor: Tensor) -> tuple[DagBatch, Tensor]:
    """Graphs to train on, and their advantages: (C,) float."""
    known = values.isfinite()
    mean, std = values[known].mean(), values[known].std(correction=0).clamp(min=floor)
    # rewards that differ by rounding only carry no information
    scale = torch.where(std > 1e-9 * (1 + mean.abs()), std, float("inf"))
    advantages = (values - mean) / scale
    worst = advantages[known].min() - 1
    advantages = torch.where(valid, advantages, worst)
    used = known | ~valid
    advantages = advantages[used] - advantages[used].mean()
    again = ((replayed.values - mean) / scale).clamp(0, _MOST)
    return DagBatch.cat([dags[used], replayed.dags[again > 0]]), torch.cat([advantages, again[again > 0]]).float()


def _improve(
    state: FineTuningState, base: DiscreteGenerator, dags: DagBatch, advantages: Tensor, options: FineTuning
) -> tuple[float, float]:
    """Gradient steps at fixed states; the divergence from the base before the last one, and the share that was clipped.

    Raises:
        InvalidRequest: The training diverges.
    """
    policy = state.policy
    states = draw_states(policy, dags, options.masks, state.rng)
    weights = advantages.repeat_interleave(options.masks)
    with torch.no_grad():
        anchor = base(states.x_t, states.t)
        before = log_likelihood(policy(states.x_t, states.t), states)
    kl, clipped = weights.sum(), weights.sum()
    for _ in range(options.gradient_steps):
        logits = policy(states.x_t, states.t)
        loss, kl, clipped = _loss(logits, anchor, before, weights, states, options)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_grad_norm_(policy.parameters(), options.gradient_clip)
        state.optimizer.step()
    if not all_finite(policy.parameters()):
        steps = (len(state.history) + 1) * options.gradient_steps
        usual = FineTuning.learning_rate
        raise diverged(steps, "the generator", "finetuning.learning_rate", options.learning_rate, usual)
    return float(kl), float(clipped)


def _loss(
    logits: GraphLogits, anchor: GraphLogits, before: Tensor, weights: Tensor, states: NoisyStates, options: FineTuning
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss; divergence in nats a graph; share of the states whose ratio left its range."""
    ratio = (log_likelihood(logits, states) - before).exp()
    within = ratio.clamp(1 - options.clip, 1 + options.clip)
    gain = torch.minimum(ratio * weights, within * weights) * states.positions
    kl = (divergence(logits, anchor, states) * states.positions).mean()
    return options.kl * kl - gain.mean(), kl.detach(), (ratio != within).float().mean()


def _summary(index: int, valid: Tensor, known: Tensor, best: Elites, kl: float, clipped: float) -> FineTuningRound:
    nan = float("nan")
    return FineTuningRound(
        index,
        float(valid.double().mean()),
        len(known),
        float(known.mean()) if len(known) else nan,
        float(known.max()) if len(known) else nan,
        float(best.values[0]) if len(best) else nan,
        kl,
        clipped,
    )
