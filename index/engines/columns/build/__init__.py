"""Writes segments, and makes new generations of them."""
