"""What a request says: parameters, query strings, bodies, and their limits."""
