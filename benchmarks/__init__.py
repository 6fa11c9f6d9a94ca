"""Outpost beside other engines: the same stories, the same queries, one run. See docs/benchmarks.md."""
