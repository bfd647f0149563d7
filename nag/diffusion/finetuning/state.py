"""The state of a fine-tuning: all that the next round depends on, saved so that a run can be continued."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nag.core.divergence import all_finite
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.files import write_bytes
from nag.diffusion.discrete import DiscreteGenerator
from nag.diffusion.finetuning.elites import Elites
from nag.graphs import DagBatch
from nag.training.state import check_optimizer

__all__ = ["FineTuningRound", "FineTuningState", "read_finetuning", "write_finetuning"]

_EPS = 1e-6


@dataclass(frozen=True)
class FineTuningRound:
    """What one round saw; rewards are of its samples before its gradient steps.

    Args:
        index: Number of the round, from 0.
        validity: Share of valid samples.
        rewarded: Number of samples with a reward.
        reward_mean: Their mean reward; nan if there are none.
        reward_best: Their highest reward; nan if there are none.
        best_so_far: Highest reward of all rounds; nan if there is none.
        kl: Divergence from the base at the samples' states before the last step, in nats a graph; 0 without a step.
        clipped: Share of the states where the ratio had left its range in the last step.

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
        >>> sorted(result.history[0].as_dict())
        ['best_so_far', 'clipped', 'index', 'kl', 'reward_best', 'reward_mean', 'rewarded', 'validity']
    """

    index: int
    validity: float
    rewarded: int
    reward_mean: float
    reward_best: float
    best_so_far: float
    kl: float
    clipped: float

    def as_dict(self) -> dict[str, float]:
        """The entries by name."""
        return asdict(self)


@dataclass
class FineTuningState:
    """A fine-tuning that is under way.

    Args:
        policy: The generator that is being fine-tuned.
        optimizer: Its optimiser.
        rng: Source of randomness, on the generator's device.
        elites: The best distinct graphs so far.
        floor: Least deviation that rewards are standardised by.
        moved: Whether rewards have differed between samples yet.
        history: One entry a round.
    """

    policy: DiscreteGenerator
    optimizer: torch.optim.Optimizer
    rng: torch.Generator
    elites: Elites
    floor: Tensor
    moved: bool = False
    history: list[FineTuningRound] = field(default_factory=list)

    @classmethod
    def begin(cls, generator: DiscreteGenerator, learning_rate: float, elites: int, rng: torch.Generator) -> FineTuningState:
        """Before the first round."""
        policy = copy.deepcopy(generator).eval().requires_grad_(True)
        optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate, eps=_EPS)
        best = Elites.none(elites, generator.space.to_dags([]).to(rng.device))
        return cls(policy, optimizer, rng, best, torch.zeros((), dtype=torch.float64, device=rng.device))

    @property
    def ended(self) -> bool:
        """Whether training cannot continue: no sample of the last round had a reward."""
        return bool(self.history) and not self.history[-1].rewarded

    def as_dict(self) -> dict[str, Any]:
        """The state as tensors, numbers and mappings."""
        best = self.elites
        return {
            "policy": self.policy.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
            "elites": [best.dags.ops, best.dags.adjacency, best.dags.mask, best.values, best.codes],
            "floor": self.floor,
            "moved": self.moved,
            "history": [row.as_dict() for row in self.history],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continues from what `as_dict` gave.

        Raises:
            DamagedFile: It does not fit the generator, or is not finite.
        """
        device = self.rng.device
        try:
            self.policy.load_state_dict(saved["policy"])
            check_optimizer(saved["optimizer"], self.optimizer)
            self.optimizer.load_state_dict(saved["optimizer"])
            self.rng.set_state(saved["rng"])
            ops, adjacency, mask, values, codes = (tensor.to(device) for tensor in saved["elites"])
            self.elites = Elites(self.elites.size, DagBatch(ops, adjacency, mask), values, codes)
            self.floor, self.moved = saved["floor"].to(device), bool(saved["moved"])
            self.history = [FineTuningRound(**row) for row in saved["history"]]
            finite = all_finite([*saved["policy"].values(), values, self.floor]) and len(values) == len(ops) == len(codes)
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise DamagedFile("the state of the fine-tuning does not fit the generator", "Fine-tune again.") from error
        if not finite:
            raise DamagedFile("the state of the fine-tuning holds numbers that are not finite", "Fine-tune again.")


def write_finetuning(path: Path, identity: str, state: Mapping[str, Any]) -> None:
    """Writes a state atomically, with the digest of all that it depends on."""
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    write_bytes(path, buffer.getvalue())


def read_finetuning(path: Path, identity: str) -> dict[str, Any]:
    """Reads a state, on the CPU.

    Raises:
        DamagedFile: The file is not a complete state.
        InvalidRequest: It belongs to a run with another configuration.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise DamagedFile(f"'{path}' is no complete state of a fine-tuning", "Delete it and fine-tune again.") from error
    if not isinstance(loaded, dict) or not isinstance(loaded.get("identity"), str):
        raise DamagedFile(f"'{path}' is no complete state of a fine-tuning", "Delete it and fine-tune again.")
    if loaded.pop("identity") != identity:
        what = f"'{path.parent}' holds a fine-tuning with another configuration"
        raise InvalidRequest(what, "Use its options and inputs, or choose another out_dir.")
    return loaded
