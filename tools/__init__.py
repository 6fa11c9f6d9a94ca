"""Programs for developers: a real OpenSearch node, the examples of the OpenAPI document."""
