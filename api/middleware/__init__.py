"""What happens to every request: request ids, headers, CORS, the rate limit."""
