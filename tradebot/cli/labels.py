"""What titles of tables say first: that it is about real money."""

from __future__ import annotations


def label_of(run: str | None) -> str:
    """Return what stands before a title of a run's: ``LIVE `` for one that trades real money, else nothing."""
    return "LIVE " if run is not None and run.startswith("live-") else ""


def labelled(run: str) -> str:
    """Return a run's name for a title: one that trades real money says so."""
    return f"{label_of(run)}{run}"
