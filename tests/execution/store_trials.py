"""Trials for the tests of store and executors; worker processes import them by name."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nag.core.errors import InvalidArchitecture
from nag.core.progress import ignore_progress
from nag.evaluation.trials.trial import Measurement
from nag.execution.store import EvaluationKey, Request
from nag.graphs import Architecture


def chain(number: int) -> Architecture:
    """A small architecture, another one for each number below 27."""
    ops = [("a", "b", "c")[number // 3**place % 3] for place in range(3)]
    return Architecture(("input", *ops, "output"), ((0, 1), (1, 2), (2, 3), (3, 4)))


def wanted(count: int, evaluator: str = "e", first: int = 0, seed: int = 0) -> list[Request]:
    """Requests of different functions."""
    numbers = range(first, first + count)
    return [Request(EvaluationKey(f"f{i:05d}", "t", evaluator, seed), chain(i % 27), f"native {i}") for i in numbers]


def value_of(arch: Architecture, seed: int) -> float:
    return sum(ord(op[0]) * 7**place for place, op in enumerate(arch.ops)) + 0.1 * seed


@dataclass(frozen=True)
class CheapTrial:
    """A function of architecture and seed; takes a random time and writes each start into a log."""

    log: str = ""
    longest: float = 0.0

    fingerprint = "e"

    def run(self, arch, seed, on_progress=ignore_progress):
        value = value_of(arch, seed)
        if self.log:
            line = f"{seed} {time.time()!r} {os.getpid()}\n".encode()
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, line)
            os.close(descriptor)
        time.sleep(self.longest * random.random())
        on_progress(0.5)
        return Measurement(value, -value, {"a": value / 3}, [{"loss": 1 / value}, {"loss": float("inf")}], 2, 0.5, 0.25)


@dataclass(frozen=True)
class FaultyTrial:
    """Does what its seed says, at each attempt or up to the one before `attempts`; counts attempts in a folder."""

    folder: str
    attempts: int = 1000

    fingerprint = "e"

    FAULTS = (
        "none",
        "nan",
        "infinite",
        "wrong",
        "text",
        "invalid",
        "raise",
        "sys_exit",
        "exit",
        "segfault",
        "hang",
        "hang_native",
    )

    def run(self, arch, seed, on_progress=ignore_progress):
        marks = Path(self.folder) / f"attempts{seed}"
        with marks.open("a") as file:
            file.write(".")
        if len(marks.read_text()) < self.attempts:
            found = getattr(self, self.FAULTS[seed])()
            if found is not None:
                return found
        return Measurement(value_of(arch, seed))

    def none(self):
        pass

    def nan(self):
        return Measurement(float("nan"))

    def infinite(self):
        return Measurement(1.0, float("-inf"))

    def wrong(self):
        return 1.0

    def text(self):
        return Measurement(1.0, None, {}, [{"loss": "low"}])

    def invalid(self):
        raise InvalidArchitecture("no network", "Take another.")

    def raise_(self):
        raise RuntimeError("first line\nsecond line\0")

    def sys_exit(self):
        sys.exit(3)

    def exit(self):
        os._exit(3)

    def segfault(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self):
        time.sleep(1000)

    def hang_native(self):
        re.match(r"(a+)+$", "a" * 60 + "b")  # holds the interpreter's lock for ages


setattr(FaultyTrial, "raise", FaultyTrial.raise_)


@dataclass(frozen=True)
class TinyTraining:
    """Trains a small network by gradient descent; at the first attempt it takes its time and says who runs it."""

    folder: str
    epochs: int = 20

    fingerprint = "e"

    def run(self, arch, seed, on_progress=ignore_progress):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
        x = torch.randn(64, 4)
        y = x.prod(1, keepdim=True)
        optimiser, curve = torch.optim.SGD(network.parameters(), 0.1), []
        for epoch in range(self.epochs):
            loss = (network(x) - y).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            curve.append({"loss": loss.item()})
            on_progress((epoch + 1) / self.epochs)
            if seed == 0 and epoch == self.epochs // 2:
                self._pause()
        return Measurement(-curve[-1]["loss"], None, {}, curve, self.epochs)

    def _pause(self):
        mark = Path(self.folder) / "running"
        if not mark.exists():
            mark.with_suffix(".part").write_text(str(os.getpid()))
            mark.with_suffix(".part").rename(mark)
            time.sleep(60)
