"""Algolia's search protocol, so that InstantSearch widgets work with Outpost unchanged.

A request passes through the modules in this order: requests (parse the body), filters and queries (plan the search),
answers (run it), hits and highlighting (render the results).
"""
