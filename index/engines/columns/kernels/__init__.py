"""The loops that numba compiles. Each has a plain twin in tests/engines/columns."""

from index.engines.columns.kernels.compile_notice import announce_compilation

# Before the import of any kernel: most of them compile on import.
announce_compilation()
