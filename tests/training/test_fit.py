from __future__ import annotations

import itertools
import shutil

import pytest
import torch
from torch import nn

from nag.core.errors import DamagedFile, InvalidRequest, NagError
from nag.tracking.null import NullTracker
from nag.training import FitOptions, FitResult, SavedTraining, TrainState, fit, make_fabric
from nag.training.ema import MovingAverage

STEPS = FitOptions(max_steps=30, learning_rate=1e-2, warmup_steps=5, save_every_seconds=0.0)


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))


def squared_error(model: nn.Module, rng: torch.Generator) -> dict[str, torch.Tensor]:
    x = torch.randn(32, 4, generator=rng)
    return {"loss": (model(x) - x.sum(1, keepdim=True).sin()).square().mean()}


def run(
    options: FitOptions = STEPS, loss=squared_error, seed=0, state_path=None, resume=False, identity="", **more
) -> FitResult:
    saved = SavedTraining(state_path, resume, identity)
    return fit(small_model(), loss, options, make_fabric("cpu"), NullTracker(), seed, saved, **more)


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_lowers_the_loss_and_follows_the_seed():
    result = run()
    short = run(FitOptions(max_steps=1, learning_rate=1e-2))
    assert result.steps == 30
    assert result.loss < short.loss
    assert same_weights(result.model, run().model)
    assert not same_weights(result.model, run(seed=1).model)


def test_the_result_is_an_average_in_evaluation_mode():
    result = run()
    assert not result.model.training
    assert not any(p.requires_grad for p in result.model.parameters())


@pytest.mark.parametrize("step", [1, 13, 29])
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(tmp_path, step):
    state, copied = tmp_path / "state.pt", tmp_path / "copied.pt"
    calls = []

    def loss(model, rng):
        if len(calls) == step:  # the state after `step` steps is on disk
            shutil.copy(state, copied)
        calls.append(1)
        return squared_error(model, rng)

    whole = run(loss=loss, state_path=state)
    repeated = []

    def counted(model, rng):
        repeated.append(1)
        return squared_error(model, rng)

    resumed = run(loss=counted, state_path=copied, resume=True)
    assert len(repeated) == 30 - step
    assert resumed.steps == 30
    assert same_weights(resumed.model, whole.model)


def test_a_finished_run_is_not_trained_further(tmp_path):
    first = run(state_path=tmp_path / "state.pt")
    again = run(state_path=tmp_path / "state.pt", resume=True)
    assert again.steps == 30
    assert again.loss == first.loss
    assert same_weights(first.model, again.model)


@pytest.mark.parametrize("step", [1, 13, 29])
def test_the_loss_of_a_resumed_run_is_that_of_the_whole_run(tmp_path, step):
    """Its last tenth spans both processes, or lies in the first one alone."""
    state, copied, calls = tmp_path / "state.pt", tmp_path / "copied.pt", []

    def loss(model, rng):
        if len(calls) == step:
            shutil.copy(state, copied)
        calls.append(1)
        return squared_error(model, rng)

    whole = run(loss=loss, state_path=state)
    assert run(state_path=copied, resume=True).loss == whole.loss


@pytest.mark.parametrize("rate", [1000.0, 100.0])
def test_a_training_that_diverges_is_told_with_step_and_a_lower_rate_and_saves_nothing(tmp_path, rate):
    def exploding(model, rng):
        x = torch.randn(32, 4, generator=rng)
        return {"loss": (model(x) - x.sum(1, keepdim=True)).pow(4).mean()}

    options = FitOptions(max_steps=60, learning_rate=rate, warmup_steps=0, save_every_seconds=0.0)
    with pytest.raises(InvalidRequest, match=r"diverged at step \d+ with training.learning_rate=\d+.*0.002 or less"):
        run(options, loss=exploding, state_path=tmp_path / "state.pt")
    if (tmp_path / "state.pt").exists():
        saved = torch.load(tmp_path / "state.pt", weights_only=True)
        assert all(bool(torch.isfinite(value).all()) for value in (*saved["model"].values(), *saved["ema"].values()))


def test_the_first_step_whose_loss_is_not_finite_is_named():
    def loss(model, rng):
        calls.append(1)
        terms = squared_error(model, rng)
        return {"loss": terms["loss"] * (float("nan") if len(calls) == 17 else 1.0)}

    calls: list[int] = []
    with pytest.raises(InvalidRequest, match="at step 17 "):
        run(loss=loss)


def test_a_loss_that_falls_and_rises_within_reason_is_no_divergence():
    def loss(model, rng):
        calls.append(1)
        return {"loss": squared_error(model, rng)["loss"] * (1000.0 if len(calls) == 20 else 1.0)}

    calls: list[int] = []
    assert run(loss=loss).steps == 30


@pytest.mark.parametrize(
    "change",
    [
        {"step": -5},
        {"step": 1.5},
        {"step": True},
        {"seconds": float("nan")},
        {"seconds": -1.0},
        {"losses": [1.0]},
        {"losses": torch.zeros(2, 2)},
        {"model": {"0.weight": torch.full((8, 4), float("nan"))}},
        {"model": {}},
        {"ema": [1]},
        {"ema": {"0.weight": torch.zeros(3)}},
        {"optimizer": {}},
        {"optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}},
        {"identity": 3},
        {"more": 1},
    ],
    ids=str,
)
def test_crafted_states_are_refused_in_one_line(tmp_path, change):
    path = tmp_path / "state.pt"
    run(state_path=path)
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    with pytest.raises(DamagedFile, match=r"state\.pt") as caught:
        run(state_path=path, resume=True)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_without_resume_a_state_is_ignored(tmp_path):
    run(state_path=tmp_path / "state.pt", seed=1)
    assert same_weights(run(state_path=tmp_path / "state.pt").model, run().model)


def test_resuming_without_a_state_starts_afresh(tmp_path):
    assert same_weights(run(state_path=tmp_path / "state.pt", resume=True).model, run().model)


@pytest.mark.parametrize("damage", ["half", "empty", "text", "other"])
def test_a_damaged_state_is_refused(tmp_path, damage):
    path = tmp_path / "state.pt"
    run(state_path=path)
    content = path.read_bytes()
    if damage == "other":
        torch.save({"identity": ""}, path)
    else:
        path.write_bytes({"half": content[: len(content) // 2], "empty": b"", "text": b"no state"}[damage])
    with pytest.raises(DamagedFile, match="no complete training state") as caught:
        run(state_path=path, resume=True)
    assert caught.value.hint


def test_a_state_of_another_configuration_is_refused_and_kept(tmp_path):
    path = tmp_path / "state.pt"
    run(state_path=path, identity="first")
    content = path.read_bytes()
    with pytest.raises(InvalidRequest, match="another configuration"):
        run(state_path=path, identity="second", resume=True)
    assert path.read_bytes() == content


def test_a_state_restores_step_time_and_optimiser(tmp_path):
    def state(seed: int) -> TrainState:
        torch.manual_seed(seed)
        model = nn.Linear(2, 1)
        optimizer = torch.optim.AdamW(model.parameters())
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return TrainState(model, MovingAverage(model, 0.9), optimizer)

    saved, restored = state(0), state(1)
    saved.step, saved.seconds = 7, 1.5
    saved.save(tmp_path / "state.pt")
    restored.load(tmp_path / "state.pt")
    assert (restored.step, restored.seconds) == (7, 1.5)
    assert same_weights(saved.model, restored.model)
    assert same_weights(saved.ema.module, restored.ema.module)
    for key, value in saved.optimizer.state_dict()["state"][0].items():
        assert torch.equal(torch.as_tensor(restored.optimizer.state_dict()["state"][0][key]), torch.as_tensor(value))


def learning_rates(tmp_path, options: FitOptions) -> list[float]:
    """Learning rate of every step but the last, read from the states."""
    path, rates = tmp_path / "state.pt", []

    def loss(model, rng):
        if path.exists():
            rates.append(torch.load(path, weights_only=True)["optimizer"]["param_groups"][0]["lr"])
        return squared_error(model, rng)

    run(options, loss=loss, state_path=path)
    rates.append(torch.load(path, weights_only=True)["optimizer"]["param_groups"][0]["lr"])
    return rates


def test_the_learning_rate_warms_up_and_ends_near_zero(tmp_path):
    rates = learning_rates(tmp_path, STEPS)
    assert len(rates) == 30
    assert rates[0] == pytest.approx(1e-2 / 5)
    assert max(rates) == pytest.approx(1e-2, rel=0.1)
    assert rates.index(max(rates)) == 4
    assert all(a > b for a, b in itertools.pairwise(rates[4:]))
    assert rates[-1] < 0.005 * 1e-2


def test_time_ends_a_run_early_with_a_small_learning_rate(tmp_path):
    options = FitOptions(max_steps=10**7, max_seconds=1.0, learning_rate=1e-2, warmup_steps=1, save_every_seconds=0.0)
    path = tmp_path / "state.pt"
    result = run(options, state_path=path)
    assert 1 < result.steps < 10**7
    assert 1.0 <= result.seconds < 10
    assert torch.load(path, weights_only=True)["optimizer"]["param_groups"][0]["lr"] < 0.3 * 1e-2
    assert run(options, state_path=path, resume=True).steps == result.steps


def test_the_loss_of_a_run_that_time_ended_is_that_of_its_last_steps():
    losses = []

    def loss(model, rng):
        terms = squared_error(model, rng)
        losses.append(float(terms["loss"].detach()))
        return terms

    options = FitOptions(max_steps=2000, max_seconds=0.3, learning_rate=1e-2)
    result = run(options, loss=loss)
    expected = losses[-max(1, len(losses) // 10) :]
    assert result.loss == pytest.approx(sum(expected) / len(expected), rel=1e-4)


def test_the_moving_average_forgets_its_start_and_then_follows_slowly():
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    ema = MovingAverage(model, decay=0.9)
    with torch.no_grad():
        model.weight.fill_(1.0)
    ema.update(model, 0)
    assert ema.module.weight.item() == pytest.approx(0.9)
    ema.update(model, 1000)
    assert ema.module.weight.item() == pytest.approx(0.9 + 0.1 * 0.1)


def test_a_diverged_training_is_an_error_and_keeps_no_weights(tmp_path):
    def loss(module, rng):
        return {"loss": module.weight.sum() * float("nan")}

    with pytest.raises(
        NagError, match=r"diverged at step 1 with training\.learning_rate=0\.002\. Use training\.learning_rate="
    ):
        fit(nn.Linear(2, 1), loss, FitOptions(10), make_fabric("cpu"), NullTracker(), 0, SavedTraining(tmp_path / "state.pt"))
    assert not (tmp_path / "state.pt").exists()
