"""Making responses: bodies, pagination, ETags, cache, compression, problem documents."""
