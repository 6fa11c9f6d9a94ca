"""Searches over open segments: matching, filters, order, facets, highlighting, completion, timelines."""
