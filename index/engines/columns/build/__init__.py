"""Documents to segments, and segments to a new generation."""
