"""Hypothetical trades and the quality of signals."""
