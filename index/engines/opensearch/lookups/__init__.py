"""Look-ups beside the stories: which ids exist, labels, publishers, words."""
