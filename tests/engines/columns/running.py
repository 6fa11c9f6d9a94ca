"""Runs a kernel in three ways on the same arrays: compiled, compiled on mapped files, and as the plain Python that it
is made of with every index checked, which numba does not do."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray

from index.engines.columns.kernels import (
    conjunction,
    disjunction,
    facets,
    filters,
    highlight,
    highlight_matches,
    inversion,
    more_like_this,
    phrase,
    postings,
    scoring,
    set_operations,
    suffixes,
    tokens,
    top_k,
)

# All modules of kernels.
MODULES = (
    conjunction, disjunction, facets, filters, highlight, highlight_matches, inversion, more_like_this, phrase,
    postings, scoring, set_operations, suffixes, tokens, top_k,
)  # fmt: skip
CHECKED = settings(max_examples=80, deadline=None)
Array = NDArray[Any]


class Checked(np.ndarray):  # type: ignore[type-arg]
    """An array that takes no index below zero and no slice beyond its end; numpy itself refuses indexes beyond."""

    def __getitem__(self, index: Any) -> Any:
        self._check(index)
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check(index)
        super().__setitem__(index, value)

    def _check(self, index: Any) -> None:
        for one, size in zip(index if isinstance(index, tuple) else (index,), self.shape, strict=False):
            bounds = (one.start or 0, one.stop or 0) if isinstance(one, slice) else (one,)
            if any(bound < 0 for bound in bounds) or (isinstance(one, slice) and max(bounds) > size):
                raise IndexError(f"{index} of {self.shape}")


def given_array(values: Sequence[Any] | Array, dtype: type) -> Array:
    """An input of a kernel: nobody may write to it."""
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def room(size: int, dtype: type) -> Array:
    """A buffer full of what no kernel would write, so that what was not written is seen."""
    return np.full(size, 77, dtype)


def run(kernel: Any, *arguments: Any) -> Any:
    """What ``kernel`` returns, having filled those arguments that can be written to.

    The other two ways have to return the same and to leave the same in every buffer.
    """
    others = [_copy_buffers(arguments) for _ in range(2)]
    with tempfile.TemporaryDirectory() as directory:
        mapped = [_map(Path(directory), n, argument) for n, argument in enumerate(others[0], 1)]
        # The checked one first: what reaches too far is an error there, and anything at all in the others.
        results = [_run_checked(kernel, others[1]), kernel(*mapped), kernel(*arguments)]
    assert results[0] == results[1] == results[2]
    for own, *same in zip(_flatten(arguments), *map(_flatten, others), strict=True):
        for other in same:
            np.testing.assert_array_equal(own, other)
    return results[0]


def find_kernels(module: ModuleType) -> dict[str, Any]:
    """All that numba compiles in a module."""
    return {
        name: value
        for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
    }


def _flatten(arguments: Sequence[Any]) -> list[Any]:
    """The arguments, with the fields of a tuple one by one."""
    return [field for one in arguments for field in (_flatten(one) if isinstance(one, tuple) else [one])]


def _copy_buffers(arguments: Sequence[Any]) -> list[Any]:
    return [_copy_buffer(argument) for argument in arguments]


def _copy_buffer(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(_copy_buffer, argument))
    return argument.copy() if isinstance(argument, np.ndarray) and argument.flags.writeable else argument


def _map(directory: Path, number: int, argument: Any) -> Any:
    """An input as the engine has it: mapped from a file, read-only."""
    if isinstance(argument, tuple):
        return tuple([_map(directory, 100 * number + at, field) for at, field in enumerate(argument)])
    if not isinstance(argument, np.ndarray) or argument.flags.writeable:
        return argument
    np.save(directory / f"{number}.npy", argument)
    mapped = np.load(directory / f"{number}.npy", mmap_mode="r")
    assert not mapped.flags.writeable
    return mapped


def _run_checked(kernel: Any, arguments: Sequence[Any]) -> Any:
    checked = list(map(_check, arguments))
    with ExitStack() as stack:
        # The kernels that a kernel calls are to be checked too, those of other modules as well.
        for module in MODULES:
            for name, other in [(name, value) for name, value in vars(module).items() if hasattr(value, "py_func")]:
                stack.enter_context(patch.object(module, name, other.py_func))
        return kernel.py_func(*checked)


def _check(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(_check, argument))
    return argument.view(Checked) if isinstance(argument, np.ndarray) else argument
