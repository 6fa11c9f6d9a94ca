"""Questions over open segments: matching, filters, order, facets, highlighting, completion; the Whoosh codec beside it."""
