"""Files of a generation: safe reading, durable writing, manifest and checksums."""
