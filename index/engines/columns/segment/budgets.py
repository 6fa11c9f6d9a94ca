"""What the caches of all open generations may take together, in a process."""

from __future__ import annotations

from index.caching import Budget

# What a term, a phrase or a suggested query was found to be: about 100,000 entries.
TERMS = Budget(32 << 20)
# The terms of all words with a prefix: those of one letter are up to a tenth of the vocabulary, 4 bytes each.
PREFIXES = Budget(16 << 20)
