"""Searches open segments: matching, filters, sort orders, facets, highlighting, autocompletion, timelines."""
