"""Tools for developers: a local OpenSearch node, and the generator of the OpenAPI examples."""
