"""Turns text into terms: the searchable fields, the analyzer, and folding of case and diacritics."""
