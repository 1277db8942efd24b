"""Calls that are written down once and made again: what a training step is, from its second on.

A step calls the same functions of NumPy on the same arrays each time; what changes is what the
arrays hold. So a step is written as the lecture's lines, and taken once as it is written, while
each call is noted. From then on the calls are made, one after the other, and nothing is between
them: no attribute is looked up, no method called, no view made. The bits are the same; steps of
4-16-3 take 7 % less time, with adam and dropout 20 % (`benchmarks/performance.py --steps`, before
and after; decision 21).

A module whose functions are called within a step takes NumPy from here,

    from mlpcli.nn.replay import np

whose functions are NumPy's own, until a step is noted. What computes without `out`, and would
leave its result where no later call finds it, raises TypeError then. Methods of arrays have no
way to be noted: `take`, `put` and `call` stand for them. What is not the same in each step, such
as random numbers, is called by `live`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy  # noqa: ICN001  # `np` is another module here

if TYPE_CHECKING:
    import numpy as np
else:
    np = ModuleType("np", "NumPy, as a step calls it: see mlpcli.nn.replay.")

__all__ = ["Call", "Calls", "Replay", "call", "live", "np", "put", "take"]

Call = Callable[[], Any]
Calls = dict[Any, Call]

# What computes into an array it is given, beside the ufuncs.
COMPUTE = (numpy.dot, numpy.copyto)
# Functions of two arrays that do not take the third by its place; NumPy 2.4 warns of it.
OUT_BY_NAME = (numpy.maximum, numpy.minimum)
# What may be asked for within a step beside what computes.
HARMLESS = ("newaxis", "inf", "finfo")


class Replay:
    """A function without arguments that makes the same calls each time.

    function  is called as it is the first time; then its calls are
    known     calls that other replays have noted: the same ones are kept once, so that a step on
              other rows shares those that do not touch the rows, and finds them in the cache
    """

    def __init__(self, function: Call, known: Calls) -> None:
        self.function, self.known = function, known
        self.calls: tuple[Call, ...] | None = None

    def __call__(self) -> None:
        """Make the calls; the first time, note them."""
        if self.calls is None:
            self.calls = _Notes(self.known).of(self.function)
            return
        for each in self.calls:
            each()


class _Notes:
    """The calls of one function, while they are made for the first time."""

    def __init__(self, known: Calls) -> None:
        self.known, self.calls = known, list[Call]()

    def of(self, function: Call) -> tuple[Call, ...]:
        """Call the function; return its calls."""
        _note_into(self)
        try:
            function()
        finally:
            _note_into(None)
        return tuple(self.calls)

    def add(self, function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Note a call, in the form that is the quickest to make.

        Other calls are told from it by what they are called with: the call that is kept keeps it,
        so that no other object has its place in memory.
        """
        key = (function, *named, *map(_told, (*arguments, *named.values())))
        if key not in self.known:
            self.known[key] = _quick(function, arguments, named)
        self.calls.append(self.known[key])


def _told(argument: Any) -> Any:
    """Return what tells an argument from all others; of an array, the memory that it views."""
    if isinstance(argument, numpy.ndarray):
        return argument.ctypes.data, argument.shape, argument.strides, argument.dtype
    return repr(argument) if isinstance(argument, float) else id(argument)


def _quick(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Call:
    """Return a call without arguments. Figures are of 16 x 16 in float32, `python -m timeit`.

    A number becomes an array of the type it is taken in: 0.20 µs in place of 0.46, the same bits.
    `out` is given by its place: 0.19 µs in place of 0.36, or 1.03 in place of 1.20 for `reduce`.
    """
    if isinstance(function, numpy.ufunc):
        dtype = next(one.dtype for one in arguments if isinstance(one, numpy.ndarray))
        arguments = tuple(
            numpy.asarray(one, dtype) if isinstance(one, float) else one for one in arguments
        )
    if set(named) == {"out"} and isinstance(function, numpy.ufunc):
        if function not in OUT_BY_NAME:
            return partial(function, *arguments, named["out"])
        first, second, out = *arguments, named["out"]
        return lambda: function(first, second, out=out)  # 0.29 µs, and 0.34 as a `partial`
    if set(named) <= {"axis", "keepdims", "out"} and "axis" in named:
        by_place = named["axis"], None, named["out"], named.get("keepdims", False)
        return partial(function, *arguments, *by_place)
    return partial(function, *arguments, **named)


class _Noted:
    """A ufunc or another function of NumPy's, each call of which is noted, then made."""

    def __init__(self, function: Any, notes: _Notes, n_inputs: int | None) -> None:
        self.function, self.notes, self.n_inputs = function, notes, n_inputs

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Note the call, and make it. TypeError where its result would be a new array."""
        if "out" not in named and (self.n_inputs is None or len(arguments) <= self.n_inputs):
            raise TypeError(f"{self.function.__name__} without out in a step: see mlpcli.nn.replay")
        self.notes.add(self.function, arguments, named)
        return self.function(*arguments, **named)

    def __getattr__(self, name: str) -> _Noted:
        """Return a method of a ufunc, such as `reduce`."""
        return _Noted(getattr(self.function, name), self.notes, None)


_notes: _Notes | None = None


def _note_into(notes: _Notes | None) -> None:
    """Let what `np` calls be noted from now on, or with None no longer."""
    global _notes  # noqa: PLW0603  # `np` is one for all, and so is what it does
    _notes = notes
    vars(np).clear()
    vars(np)["__getattr__"] = _of_numpy


def _of_numpy(name: str) -> Any:
    """Return what `np` has by this name; it is asked once, and then found in the module."""
    found = getattr(numpy, name)
    if _notes is not None:
        if isinstance(found, numpy.ufunc):
            found = _Noted(found, _notes, found.nin)
        elif found in COMPUTE:
            found = _Noted(found, _notes, 1 if found is numpy.copyto else 2)
        elif name not in HARMLESS:
            raise TypeError(f"numpy.{name} in a step: see mlpcli.nn.replay")
    vars(np)[name] = found
    return found


_note_into(None)


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a method that computes into an array it is given; within a step the call is noted."""
    if _notes is not None:
        _notes.add(function, arguments, {})
    return function(*arguments)


def take(array: Any, index: Any, out: Any) -> None:
    """Write array[index] into `out`; index is within the array, which is not checked."""
    call(array.take, index, None, out, "clip")  # mode "raise" would buffer the output


def put(array: Any, index: Any, value: Any) -> None:
    """Let array[index] be `value`."""
    call(array.__setitem__, index, value)


def live(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that does not do the same each time: it is called as it is in each step."""
    notes = _notes
    if notes is None:
        return function(*arguments)
    notes.add(function, arguments, {})
    _note_into(None)
    try:
        return function(*arguments)
    finally:
        _note_into(notes)
