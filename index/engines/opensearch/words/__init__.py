"""Words of the stories: suggestions, completion, corrections."""
