"""Readers of input files: NDJSON, and the text of story pages."""
