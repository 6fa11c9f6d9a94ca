"""Input to documents."""
