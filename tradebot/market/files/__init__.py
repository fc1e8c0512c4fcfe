"""Recorded market data read from files."""
