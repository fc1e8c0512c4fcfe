"""The drill's oracle, as the disasters of the tests hold the venue's record to it."""

from __future__ import annotations

from tradebot.app.drill.oracle import D, Oracle, Rules

__all__ = ["D", "Oracle", "Rules"]
