"""Files of a generation: opened safely, made durable, listed in a manifest with checksums."""
