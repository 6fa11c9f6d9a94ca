"""One module per resource: its endpoints."""
