"""One segment open for reading: its arrays, terms, stored hits, suggestions, and statistics of a collection."""
