"""Documents in, generations of a searchable index out; no HTTP."""
