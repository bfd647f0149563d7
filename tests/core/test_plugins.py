"""Import paths, plug-ins and objects made of their class and config."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest

from nag.core.configured import config_of, describe, make, make_described
from nag.core.errors import DamagedFile, InvalidRequest
from nag.core.imports import import_path, load_callable
from nag.core.plugins import allow_plugins, allowed_callable


class Shape(ABC):
    """An interface."""

    @abstractmethod
    def area(self) -> float:
        """Its area."""


@dataclass(frozen=True)
class Square(Shape):
    """A part."""

    side: float = 1.0

    def area(self) -> float:
        """Its area."""
        return self.side**2


class Drawing:
    """Takes parts."""

    def __init__(self, space: str, shape: Shape, others: tuple[Shape, ...] = (), names: dict[str, int] | None = None) -> None:
        self.space, self.shape, self.others, self.names = space, shape, others, names


def test_objects_are_made_again_from_their_class_and_config():
    drawing = Drawing("plane", Square(2.0), (Square(3.0), Square(4.0)), {"a": 1})
    with allow_plugins([__name__]):
        again = make(Drawing, config_of(drawing, ["space"]), {"space": "sphere"})
    assert (again.space, again.shape, again.others) == ("sphere", Square(2.0), (Square(3.0), Square(4.0)))
    assert again.names == {"a": 1}


@pytest.mark.parametrize(
    "description",
    [
        {"class": "tests.nowhere:Square", "config": {}},
        {"class": f"{__name__}:Drawing", "config": {}},
        {"class": f"{__name__}:Shape", "config": {}},
        {"class": f"{__name__}:Square", "config": {"side": "long"}},
        {"class": f"{__name__}:Square", "config": {"area": 1.0}},
        {"class": f"{__name__}:Square"},
        "os:system",
    ],
    ids=str,
)
def test_what_is_no_part_is_refused(description):
    with allow_plugins([__name__]), pytest.raises((DamagedFile, InvalidRequest)):
        make_described(description, Shape)  # type: ignore[type-abstract]


def test_only_nag_and_what_is_allowed_may_be_named(tmp_path, monkeypatch):
    path = import_path(Square)
    with pytest.raises(InvalidRequest, match=r"Allow its code with plugins=\["):
        allowed_callable(path)
    with allow_plugins([__name__]):
        assert allowed_callable(path) is Square
    for name in ("os:system", "nag.cli.__main__:main", "nagging:Name", "nag_other.x:Name"):
        with pytest.raises(InvalidRequest):
            allowed_callable(name)


def test_a_file_imports_its_neighbours_and_is_executed_once(tmp_path):
    (tmp_path / "neighbour.py").write_text("SIDE = 3.0\n")
    text = "from neighbour import SIDE\n\nclass Part:\n    def __init__(self, side: float = SIDE):\n        self.side = side\n"
    (tmp_path / "parts.py").write_text(text)
    part = load_callable(f"{tmp_path}/parts.py:Part")
    assert part().side == 3.0
    assert load_callable(f"{tmp_path}/parts.py:Part") is part
    assert describe(part(2.0)) == {"class": "parts.py:Part", "config": {"side": 2.0}}
    with pytest.raises(InvalidRequest, match=r"plugins=\[PATH/parts.py\]"):
        allowed_callable("parts.py:Part")
    with allow_plugins([f"{tmp_path}/parts.py"]):
        assert allowed_callable("parts.py:Part") is part
