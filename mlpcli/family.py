"""Families: a table from the name used in a spec to the class that does the work.

A member is a subclass of `Member`, and with that a frozen dataclass. Its fields are its
hyperparameters, made with `setting`, which carries their bounds; its docstring is its
documentation. The spec's schema, the reference and the contract tests are all built from these
tables, so a new member is one class in one module.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, dataclass_transform

import numpy as np

Entered = TypeVar("Entered", bound=type)


def setting(default: Any, doc: str, *, key: str | None = None, **bounds: float) -> Any:
    """A hyperparameter: its default, one line of documentation, and its bounds.

    default  also fixes the type: a float takes whole numbers too, never text or booleans
    key      its name in a spec, where that differs from the field's
    bounds   any of gt, ge, lt, le
    """
    return dataclasses.field(default=default, metadata={"doc": doc, "key": key, "bounds": bounds})


def key_of(field: dataclasses.Field[Any]) -> str:
    """Return a setting's name in a spec."""
    return field.metadata["key"] or field.name


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
@dataclasses.dataclass(frozen=True)
class Member:
    """The class of all members: a subclass that has settings is made a frozen dataclass."""

    name: ClassVar[str]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if any(isinstance(value, dataclasses.Field) for value in vars(cls).values()):
            dataclasses.dataclass(frozen=True)(cls)

    def problem(self) -> str | None:
        """Return the problem of settings that contradict each other, as a sentence, or None."""
        return None


def settings_of(cls: type[Member]) -> tuple[dataclasses.Field[Any], ...]:
    """Return the settings of a member's class, in their order."""
    return dataclasses.fields(cls)


class Family(Mapping[str, Any]):
    """One family of interchangeable parts, by the name that a spec uses.

    module   that defines the members, imported when one is first looked up; "": it has been
    modules  that of each member by its name, imported when that member is
    """

    def __init__(
        self, noun: str, module: str = "", modules: Mapping[str, str] | None = None
    ) -> None:
        self.noun, self._module, self._modules = noun, module, dict(modules or {})
        self._members: dict[str, Any] = {}

    def add(self, name: str) -> Callable[[Entered], Entered]:
        """Class decorator: enter the class under `name`."""

        def enter(member: Entered) -> Entered:
            if name in self._members:
                raise ValueError(f"there are two members of the {self.noun} family named {name!r}")
            member.name = name  # type: ignore[attr-defined]
            self._members[name] = member
            return member

        return enter

    def _whole(self) -> dict[str, Any]:
        if self._module:
            module, self._module = self._module, ""
            importlib.import_module(module)
        return self._members

    def __getitem__(self, name: str) -> Any:
        if name in self._modules:
            importlib.import_module(self._modules[name])
        return self._whole()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules or self._whole())

    def __len__(self) -> int:
        return len(self._modules or self._whole())


def numbers(values: Sequence[Any]) -> Any:
    """Return the value that all lanes share, or else an array with one a lane, (R,) float64."""
    return values[0] if len(set(values)) == 1 else np.array(values, np.float64)


def stacked(members: Sequence[Any]) -> Any:
    """Merge the lanes' members into one, for a stack of networks.

    A number that differs becomes an array (R,), one a lane. Raises ValueError where classes or
    other settings differ.
    """
    first = members[0]
    if any(type(member) is not type(first) for member in members):
        raise ValueError("the lanes of a stack have members of one class")
    changed = {}
    for f in dataclasses.fields(first):
        values = [getattr(member, f.name) for member in members]
        if any(value != values[0] for value in values):
            if not all(type(value) in (int, float) for value in values):
                raise ValueError(f"{type(first).__name__}: {f.name} cannot differ between lanes")
            changed[f.name] = numbers(values)
    return dataclasses.replace(first, **changed) if changed else first
