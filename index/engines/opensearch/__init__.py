"""The engine of a cluster: an OpenSearch does what arrays do elsewhere. Nothing here is imported before it is used."""
