"""How stories lie on a cluster: mappings of the indices, documents of each."""
