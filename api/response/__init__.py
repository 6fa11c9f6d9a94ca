"""What an answer is made of: bodies, pages of results, ETags, caches, compression, problems."""
