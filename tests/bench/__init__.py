"""Measurements. Not tests: machines are noisy, so they print medians and ratios and assert nothing about time."""
