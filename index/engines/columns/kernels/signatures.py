"""The argument types that kernels are compiled for.

Every kernel declares its signature, so numba compiles it when its module is imported and never while a request waits.
Arrays that a kernel reads are read-only, as slices of mapped files are; ``OUT_`` arrays are written. All arrays are
C-contiguous.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from numba import njit, types

# Kernels are cached on disk and release the GIL; they share nothing but their arguments.
kernel = partial(njit, cache=True, nogil=True)

INT64, FLOAT64, FLOAT32, BOOLEAN = types.int64, types.float64, types.float32, types.boolean


def _read_only(dtype: Any, dimensions: int) -> Any:
    return types.Array(dtype, dimensions, "C", readonly=True)


UINT8_ARRAY, UINT32_ARRAY = _read_only(types.uint8, 1), _read_only(types.uint32, 1)
INT32_ARRAY, INT64_ARRAY, FLOAT32_ARRAY = (_read_only(dtype, 1) for dtype in (types.int32, types.int64, types.float32))
INT32_MATRIX, INT64_MATRIX = _read_only(types.int32, 2), _read_only(types.int64, 2)
FLOAT32_MATRIX, FLOAT64_MATRIX = _read_only(types.float32, 2), _read_only(types.float64, 2)

OUT_UINT8_ARRAY, OUT_UINT32_ARRAY = types.uint8[::1], types.uint32[::1]
OUT_INT32_ARRAY, OUT_INT64_ARRAY, OUT_FLOAT32_ARRAY = types.int32[::1], types.int64[::1], types.float32[::1]
OUT_INT64_MATRIX = types.int64[:, ::1]


def tuple_of(*field_types: Any) -> Any:
    """The type of a plain tuple. Fields are not converted: an array must be read-only or writable as declared.

    Arrays that belong together are passed as a plain tuple, and the kernel names them by a NamedTuple class:
    ``postings = ImpactArrays(*postings)``. Recognising a NamedTuple argument would cost 0.7 µs a call, a plain tuple
    costs 0.1 µs, and each of its fields passed by itself more than that.
    """
    return types.BaseTuple.from_types(field_types)
