"""Runs a kernel in three ways and compares the results: compiled, compiled on mapped files, and as plain Python.

The plain Python run checks every index, which compiled code does not.
"""

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
    """An array that raises IndexError for negative indexes and for slices beyond its end, which numpy allows."""

    def __getitem__(self, index: Any) -> Any:
        self._check(index)
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check(index)
        super().__setitem__(index, value)

    def _check(self, index: Any) -> None:
        for part, size in zip(index if isinstance(index, tuple) else (index,), self.shape, strict=False):
            bounds = (part.start or 0, part.stop or 0) if isinstance(part, slice) else (part,)
            if any(bound < 0 for bound in bounds) or (isinstance(part, slice) and max(bounds) > size):
                raise IndexError(f"{index} of {self.shape}")


def given_array(values: Sequence[Any] | Array, dtype: type) -> Array:
    """A read-only input array for a kernel."""
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def room(size: int, dtype: type) -> Array:
    """An output buffer filled with 77, so that entries that a kernel did not write are visible."""
    return np.full(size, 77, dtype)


def run(kernel: Any, *arguments: Any) -> Any:
    """Run ``kernel`` in all three ways; returns its result. Writable arguments are filled as by the compiled kernel.

    Raises AssertionError if the three ways return different results or leave different contents in a buffer.
    """
    others = [_copy_buffers(arguments) for _ in range(2)]
    with tempfile.TemporaryDirectory() as directory:
        mapped = [_map(Path(directory), n, argument) for n, argument in enumerate(others[0], 1)]
        # Checked first: an index out of bounds is an error there, and undefined behaviour in compiled code.
        results = [_run_checked(kernel, others[1]), kernel(*mapped), kernel(*arguments)]
    assert results[0] == results[1] == results[2]
    for argument, *copies in zip(_flatten(arguments), *map(_flatten, others), strict=True):
        for copy in copies:
            np.testing.assert_array_equal(argument, copy)
    return results[0]


def find_kernels(module: ModuleType) -> dict[str, Any]:
    """The functions of a module that numba compiles, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
    }


def _flatten(arguments: Sequence[Any]) -> list[Any]:
    """The arguments, with each tuple replaced by its fields."""
    return [
        field for argument in arguments for field in (_flatten(argument) if isinstance(argument, tuple) else [argument])
    ]


def _copy_buffers(arguments: Sequence[Any]) -> list[Any]:
    return [_copy_buffer(argument) for argument in arguments]


def _copy_buffer(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(_copy_buffer, argument))
    return argument.copy() if isinstance(argument, np.ndarray) and argument.flags.writeable else argument


def _map(directory: Path, number: int, argument: Any) -> Any:
    """An input array mapped read-only from a file, as in the engine; other arguments are returned as they are."""
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
        # Kernels call other kernels, also of other modules: replace all of them by their Python functions.
        for module in MODULES:
            for name, other in [(name, value) for name, value in vars(module).items() if hasattr(value, "py_func")]:
                stack.enter_context(patch.object(module, name, other.py_func))
        return kernel.py_func(*checked)


def _check(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(_check, argument))
    return argument.view(Checked) if isinstance(argument, np.ndarray) else argument
