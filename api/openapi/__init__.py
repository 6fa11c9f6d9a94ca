"""The OpenAPI document: schemas and examples of answers."""
