"""Algolia's search protocol over the functions of the API, so that InstantSearch widgets run as they are."""
