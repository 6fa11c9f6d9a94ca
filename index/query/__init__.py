"""Searches: query language, query tree, requests, results and highlighting."""
