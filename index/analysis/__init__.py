"""Text to terms: the schema with its analyzers, and folding of case and diacritics."""
