"""Stories, sources and publishers: their values, how they are checked, what identifies them."""
