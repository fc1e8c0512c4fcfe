"""Alerts: what is told to whom, an outbox that loses nothing, and the channels it goes out by."""
