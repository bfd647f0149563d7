"""Arguments are checked by their type hints alone: every number is finite and bounded without a line for each option."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import pytest
from pydantic import Field
from typing_extensions import NotRequired, Unpack

from nag.core.configured import config_of, make
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.hints import described
from nag.core.numbers import Count, Fraction, FractionBelowOne, Rate, Seed
from nag.core.signatures import accepts, annotations_of, checked, conform

if TYPE_CHECKING:
    from nag.nothing import Unknown


class Loss:
    pass


class Model:
    def __init__(
        self,
        space: Unknown,
        width: int = 8,
        scale: float = 1.0,
        directed: bool = True,
        name: str = "m",
        members: Count = 1,
        dropout: FractionBelowOne = 0.1,
        rate: Rate = 0.1,
        top: Fraction | None = None,
        folds: Annotated[int, Field(ge=2)] = 2,
        labels: Sequence[int] = (),
        pair: tuple[float, float] = (0.0, 1.0),
        mode: Literal["a", "b"] = "a",
        loss: Loss | None = None,
        costs: Mapping[str, float] | None = None,
        anything: Any = None,
        seed: Seed = 0,
    ) -> None:
        pass


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("width", float("nan"), "a.width is nan. It must be a whole number."),
        ("width", 2.0, "a.width is 2.0. It must be a whole number."),
        ("width", True, "a.width is true. It must be a whole number."),
        ("width", 10**12, "a.width is 1000000000000. It must be a whole number at most 1000000000."),
        ("scale", float("inf"), "a.scale is inf. It must be a finite number at most 1000000000."),
        ("scale", float("nan"), "a.scale is nan. It must be a finite number."),
        ("scale", 1e30, "a.scale is 1e+30. It must be a number at most 1000000000."),
        ("scale", "1", "a.scale is 1. It must be a number."),
        ("scale", 10**400, "It must be a number at most 1000000000."),
        ("scale", None, "a.scale is null. It must be a number."),
        ("directed", "maybe", "a.directed is maybe. It must be true or false."),
        ("directed", 1, "a.directed is 1. It must be true or false."),
        ("name", 3, "a.name is 3. It must be a text."),
        ("name", ["a"], "a.name is [a]. It must be a text."),
        ("members", 0, "a.members is 0. It must be a whole number of at least 1."),
        ("dropout", 1.0, "a.dropout is 1.0. It must be a number of at least 0 and below 1."),
        ("rate", 0, "a.rate is 0. It must be a number above 0 and at most 1000."),
        ("rate", float("nan"), "a finite number above 0"),
        ("top", 2, "a.top is 2. It must be a number of at least 0 and at most 1 or null."),
        ("folds", 1, "a.folds is 1. It must be a whole number of at least 2."),
        ("labels", 3, "a.labels is 3. It must be a list, each item a whole number."),
        ("labels", [1, "b"], "a.labels is [1, b]."),
        ("labels", "12", "a.labels is 12."),
        ("labels", [10**12], "a.labels is [1000000000000]."),
        ("pair", [1.0], "a.pair is [1.0]."),
        ("pair", [1.0, float("nan")], "a.pair is [1.0, nan]."),
        ("mode", "c", "a.mode is c. It must be one of a, b."),
        ("loss", "squared", "a.loss is squared. It must be an object (Loss) given by _target_ or null."),
        ("loss", 3, "a.loss is 3."),
        ("costs", {"a": 1.0, "b": float("inf")}, "a.costs.b is inf. It must be a finite number"),
        ("costs", [1], "a.costs is [1]. It must be a mapping {NAME: a number} or null, written 'a.costs={NAME: VALUE}'."),
        ("seed", 2**32, "a.seed is 4294967296. It must be a whole number of at least 0 and at most 4294967295."),
        ("seed", -1, "a.seed is -1."),
        ("widht", 3, "unknown option 'a.widht'. Did you mean 'width'?"),
    ],
)
def test_what_a_hint_does_not_admit_is_refused_under_its_full_key(option, value, message):
    with pytest.raises(InvalidRequest) as refused:
        conform(Model, {option: value}, "a")
    assert message in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "options",
    [
        {"width": 3, "scale": 3, "directed": False, "name": "", "members": 10**9, "dropout": 0, "rate": 5e-3, "top": None},
        {"labels": [1, 2], "pair": [0, 1], "mode": "b", "loss": Loss(), "costs": {"a": 1}, "seed": 2**32 - 1},
        {"labels": (), "pair": (0.5, 1), "loss": {"_target_": "nag.predictors.SquaredLoss"}, "anything": object()},
        {"space": "anything, for its type is known to type checkers only"},
    ],
)
def test_what_a_hint_admits_is_accepted(options):
    conform(Model, options, "a")


def test_functions_partials_and_open_ended_ones_are_checked_alike():
    def call(task: Any, *rest: int, steps: Count, **more: Any) -> None: ...

    for function in (call, functools.partial(call, 3)):
        conform(function, {"steps": 2, "further": float("nan")})
        with pytest.raises(InvalidRequest, match="steps is 0"):
            conform(function, {"steps": 0})
    conform(max, {"anything": 1})


@checked
@dataclass(frozen=True)
class Base:
    steps: Count = 1
    parts: list[str] = field(default_factory=list)


@checked
@dataclass(frozen=True)
class Derived(Base):
    rate: Rate = 0.1


@checked
class Network:
    def __init__(self, width: Count, *, heads: Count = 1) -> None:
        self.width, self.heads = width, heads


class Wide(Network):
    def __init__(self, width: int) -> None:
        super().__init__(width, heads=2)


def test_constructors_check_what_they_are_given():
    assert Derived(2, ["a"], rate=3) == Derived(steps=2, parts=["a"], rate=3)
    assert Wide(3).heads == 2
    assert replace(Derived(), steps=4).steps == 4
    for construct in (
        lambda: Base(0),
        lambda: Derived(steps=0),
        lambda: Derived(rate=float("nan")),
        lambda: Network(True),
        lambda: Network(1, heads=0),
        lambda: Wide(0),
        lambda: replace(Derived(), rate=-1),
        lambda: Base(parts="abc"),
    ):
        with pytest.raises(InvalidRequest, match=r"^(steps|rate|width|heads|parts) is .* It must be "):
            construct()
    with pytest.raises(TypeError):
        Network()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Network(1, depth=2)  # type: ignore[call-arg]


class FitOptions(TypedDict, total=False):
    rate: Rate
    loss: Loss | None
    space: NotRequired[Unknown]


class NetworkOptions(FitOptions, total=False):
    members: Count


class Fitted:
    def __init__(self, *, rate: Rate = 0.1, loss: Loss | None = None) -> None:
        self.rate, self.loss = rate, loss


@checked
class Ensemble(Fitted):
    def __init__(self, width: Count, **options: Unpack[NetworkOptions]) -> None:
        self.width, self.members = width, options.pop("members", 3)
        super().__init__(**options)


def test_options_of_a_typed_dict_are_parameters():
    takes = {"width": Count, "rate": Rate, "loss": Loss | None, "space": Any, "members": Count}
    assert annotations_of(Ensemble) == annotations_of(functools.partial(Ensemble, 2)) == takes
    assert accepts(Ensemble, "members")
    assert not accepts(Ensemble, "options")
    conform(Ensemble, {"width": 3, "rate": 1, "members": 2, "loss": {"_target_": "nag.predictors.SquaredLoss"}}, "a")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("membres", 2, "unknown option '{}membres'. Did you mean 'members'?"),
        ("widht", 2, "unknown option '{}widht'. Did you mean 'width'?"),
        ("options", {}, "unknown option '{}options'."),
        ("rate", float("nan"), "{}rate is nan. It must be a finite number above 0"),
        ("members", 0, "{}members is 0. It must be a whole number of at least 1."),
        ("loss", "squared", "{}loss is squared. It must be an object (Loss) given by _target_ or null."),
    ],
)
def test_options_of_a_typed_dict_are_checked_as_parameters_are(option, value, message):
    with pytest.raises(InvalidRequest) as refused:
        conform(Ensemble, {option: value}, "a")
    assert str(refused.value).startswith(message.format("a."))
    with pytest.raises(InvalidRequest) as refused:
        Ensemble(2, **{option: value})
    assert str(refused.value).startswith(message.format(""))


def test_objects_with_options_of_a_typed_dict_are_saved_and_made_again():
    config = config_of(Ensemble(2, rate=0.5), given=("space",))
    assert config == {"width": 2, "rate": 0.5, "loss": None, "members": 3}
    assert config_of(make(Ensemble, config), given=("space",)) == config
    with pytest.raises(DamagedFile, match="Ensemble has no option 'membres'"):
        make(Ensemble, {"width": 2, "membres": 3})
    with pytest.raises(DamagedFile, match="rate is nan"):
        make(Ensemble, {"width": 2, "rate": float("nan")})


def test_words_of_a_type():
    assert described(int | None) == "a whole number or null"
    assert described(Count) == "a whole number of at least 1"
    assert described(list[Fraction]) == "a list, each item a number of at least 0 and at most 1"
