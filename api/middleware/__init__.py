"""Code that runs for every request: request ids, headers, CORS, rate limit, limits on slow clients."""
