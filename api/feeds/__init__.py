"""Any search as a feed: JSON Feed 1.1, RSS 2.0, Atom 1.0."""
