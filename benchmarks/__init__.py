"""Benchmarks: Outpost and other engines on the same stories and queries. docs/benchmarks.md has the results."""
