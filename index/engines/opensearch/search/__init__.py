"""The query tree as OpenSearch's queries, facets, counts, and reading on in a snapshot."""
