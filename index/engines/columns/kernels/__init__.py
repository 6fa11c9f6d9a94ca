"""The loops that numba compiles. Each has a plain twin in tests/engines/columns."""
