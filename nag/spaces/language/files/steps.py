"""Reads the mapping of a space file into the words of the language; a fault is told with its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from nag.core.documents import shortened
from nag.core.errors import did_you_mean
from nag.spaces.language.errors import Place, fault_at
from nag.spaces.language.files.document import CellDocument, LanguageDocument, import_path
from nag.spaces.language.files.operations import SCALARS, read_domain, read_operation, refuse_misspelt
from nag.spaces.language.steps import (
    CellDefinition,
    Chain,
    Choice,
    Description,
    FixedWiring,
    FreeWiring,
    ModuleStep,
    OperationDefinition,
    OptionalStep,
    Repeat,
    Section,
    Step,
    Use,
)

__all__ = ["read_description"]

_CONTENTS = ("operation", "block", "cell", "choice", "of")
_MODIFIERS = ("repeat", "shared", "optional", "depth")
_WORDS = (*_CONTENTS, *_MODIFIERS, "name", "module")
MAX_COPIES = 4096
"""Copies of the longest repetition."""


def read_description(document: LanguageDocument, source: Mapping[str, Any]) -> Description:
    """The description of a checked document.

    Args:
        document: The document.
        source: The mapping that it was read from.

    Raises:
        Fault: Something is wrong in it.
    """
    operations = {name: read_operation(own, ("operations", name)) for name, own in document.operations.items()}
    reader = _Reader(document, operations)
    return Description(
        name=document.name,
        title=document.title,
        operations=operations,
        blocks={name: reader.step(own, ("blocks", name)) for name, own in document.blocks.items()},
        cells={name: reader.cell(own, ("cells", name)) for name, own in document.cells.items()},
        graph=tuple(reader.section(own, ("graph", index)) for index, own in enumerate(document.graph)),
        recipe={name: read_domain(own, ("recipe", name)) for name, own in document.recipe.items()},
        conditions=tuple(document.conditions),
        source=source,
    )


class _Reader:
    def __init__(self, document: LanguageDocument, operations: Mapping[str, OperationDefinition]) -> None:
        self.operations = operations
        self.kinds = {
            **dict.fromkeys(document.operations, "operation"),
            **dict.fromkeys(document.blocks, "block"),
            **dict.fromkeys(document.cells, "cell"),
        }

    def section(self, own: Any, place: Place) -> Section | ModuleStep:
        """A step of the graph: what it does not know is an argument of its modules."""
        if not isinstance(own, dict):
            return Section(self.step(own, place))
        if "module" in own:
            return self._module(own, place)
        extra = self._extra(own)
        refuse_misspelt(extra, (*_WORDS, *self._attributes(own)), place)
        step = self.step({key: value for key, value in own.items() if key not in extra and key != "name"}, place)
        name = own.get("name")
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise fault_at((*place, "name"), f"is {shortened(repr(name), 60)}", "Use letters, digits and '_'.")
        return Section(step, name, {key: read_domain(own[key], (*place, key)) for key in extra})

    def _module(self, own: Mapping[str, Any], place: Place) -> ModuleStep:
        arguments = {key: value for key, value in own.items() if key != "module"}
        wrong = next((key for key, value in arguments.items() if not isinstance(value, SCALARS)), None)
        if wrong is not None:
            raise fault_at((*place, wrong), "of a fixed module is no single value", "Nothing is chosen in it: write a value.")
        try:
            return ModuleStep(import_path(own["module"]), arguments)
        except ValueError as error:
            raise fault_at((*place, "module"), f"is {shortened(repr(own['module']), 60)}", f"{error}.") from error

    def _attributes(self, own: Mapping[str, Any]) -> list[str]:
        name = own.get("operation")
        return list(self.operations[name].attributes) if isinstance(name, str) and name in self.operations else []

    def _extra(self, own: Mapping[str, Any]) -> list[str]:
        known = {*_WORDS, *self._attributes(own)}
        return [key for key in own if key not in known]

    def step(self, own: Any, place: Place) -> Step:
        """A step: a name, a list of steps, or a mapping."""
        if isinstance(own, str):
            return Use(self._named(own, None, place))
        if isinstance(own, list) and own:
            return Chain(tuple(self.step(each, (*place, index)) for index, each in enumerate(own)))
        if not isinstance(own, dict):
            self._unreadable(own, place)
        extra = self._extra(own)
        if extra or "name" in own or "module" in own:
            key = [*extra, *(key for key in ("name", "module") if key in own)][0]
            raise fault_at(
                (*place, key), "is not known here", did_you_mean(str(key)[:40], [*_WORDS[:-2], *self._attributes(own)])
            )
        return self._modified(own, place)

    def _unreadable(self, own: Any, place: Place) -> NoReturn:
        raise fault_at(place, f"is {shortened(repr(own), 60)}", "Write a name, a list of steps, or a mapping.")

    def _modified(self, own: Mapping[str, Any], place: Place) -> Step:
        step = self._content(own, place)
        shared, optional = (self._flag(own, key, place) for key in ("shared", "optional"))
        if "repeat" in own:
            step = Repeat(step, _numbers(own["repeat"], 0, MAX_COPIES, (*place, "repeat")), shared)
        elif "shared" in own:
            raise fault_at((*place, "shared"), "needs a repetition", "Add 'repeat: [1, 2]', or remove it.")
        return OptionalStep(step) if optional else step

    def _flag(self, own: Mapping[str, Any], key: str, place: Place) -> bool:
        value = own.get(key, False)
        if not isinstance(value, bool):
            raise fault_at((*place, key), f"is {shortened(repr(value), 60)}", "Write true or false.")
        return value

    def _content(self, own: Mapping[str, Any], place: Place) -> Step:
        contents = [key for key in _CONTENTS if key in own]
        if len(contents) != 1:
            what = f"has '{contents[0]}' and '{contents[1]}'" if contents else "says not what it is"
            raise fault_at(place, what, f"Write one of {', '.join(_CONTENTS)}.")
        key = contents[0]
        value, here = own[key], (*place, key)
        if "depth" in own and (key != "block" or type(own["depth"]) is not int or not 0 <= own["depth"] <= 64):
            raise fault_at((*place, "depth"), "is misplaced", "Only a block has a depth: a whole number from 0 to 64.")
        if key == "of":
            return self.step(value, here)
        if key == "choice":
            if not isinstance(value, list) or not value:
                raise fault_at(here, f"is {shortened(repr(value), 60)}", "List the alternatives.")
            return Choice(tuple(self.step(each, (*here, index)) for index, each in enumerate(value)))
        name = self._named(value, key, here)
        narrowed = {each: read_domain(own[each], (*place, each)) for each in self._attributes(own) if each in own}
        return Use(name, narrowed, own.get("depth"))

    def _named(self, name: Any, kind: str | None, place: Place) -> str:
        known = [each for each, own in self.kinds.items() if kind in (None, own)]
        if not isinstance(name, str) or name not in known:
            what = kind or "operation, block or cell"
            raise fault_at(place, f"is '{shortened(str(name), 60)}', no {what}", did_you_mean(str(name)[:60], known))
        return name

    # -- cells ------------------------------------------------------------------------------------------------------

    def cell(self, own: CellDocument, place: Place) -> CellDefinition:
        """A cell of fixed wiring if its nodes have names, otherwise of free wiring."""
        wiring = self._fixed(own, place) if isinstance(own.nodes, dict) else self._free(own, place)
        return CellDefinition(wiring, own.inputs, own.shared)

    def _fixed(self, own: CellDocument, place: Place) -> FixedWiring:
        misplaced = next((key for key in ("of", "in_degree", "max_edges") if getattr(own, key) is not None), None)
        if misplaced is not None or own.edges is None:
            what = "is misplaced" if misplaced else "is missing"
            raise fault_at((*place, misplaced or "edges"), what, "Nodes with names need 'edges', and nothing else.")
        for name in own.nodes:
            if not isinstance(name, str) or not name.isidentifier() or name.startswith("input") or name == "output":
                raise fault_at(
                    (*place, "nodes", name), "cannot be a node's name", "Use letters and digits; not input or output."
                )
        nodes = {name: self.step(step, (*place, "nodes", name)) for name, step in own.nodes.items()}
        return FixedWiring(nodes, tuple((u, v) for u, v in own.edges))

    def _free(self, own: CellDocument, place: Place) -> FreeWiring:
        if own.of is None or own.edges is not None:
            raise fault_at(
                (*place, "of" if own.of is None else "edges"),
                "is missing" if own.of is None else "is misplaced",
                "A number of nodes needs 'of', what each holds; names of nodes need 'edges'.",
            )
        numbers = _numbers(own.nodes, 1, 16, (*place, "nodes"))
        if own.in_degree is None:
            degrees = (1, max(numbers) + own.inputs)
        else:
            allowed = _numbers(own.in_degree, 1, 16, (*place, "in_degree"))
            degrees = (min(allowed), max(allowed))
        return FreeWiring(self.step(own.of, (*place, "of")), numbers, degrees, own.operations_on, own.output, own.max_edges)


def _numbers(value: Any, low: int, high: int, place: Place) -> tuple[int, ...]:
    """Numbers that a value of the file stands for, in increasing order."""
    numbers = read_domain(value, place).values
    if not all(type(number) is int and low <= number <= high for number in numbers):
        raise fault_at(place, f"is {shortened(repr(value), 60)}", f"Write whole numbers from {low} to {high}, or a range.")
    return tuple(sorted(int(number) for number in numbers))
