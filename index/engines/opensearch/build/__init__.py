"""Documents to the indices of a new or changed generation."""
