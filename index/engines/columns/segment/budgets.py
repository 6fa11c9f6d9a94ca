"""Memory budgets of caches, in bytes, shared by all open generations of a process."""

from __future__ import annotations

from index.caching import Budget

# Look-ups of terms, phrases and suggested queries: about 100,000 entries.
TERMS = Budget(32 << 20)
# The terms of a prefix: 4 bytes each, up to a tenth of the vocabulary for a single letter.
PREFIXES = Budget(16 << 20)
