"""The commands of ``outpost``, one module each."""
