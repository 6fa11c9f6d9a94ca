"""HTTP only: no ranking, no file, no engine."""
