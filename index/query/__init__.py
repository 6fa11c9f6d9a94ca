"""What a search asks for and what it returns: query tree, query language, requests, results, highlights."""
