"""For operators: metrics and logs."""
