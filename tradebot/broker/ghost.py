"""The broker of a ghost: a shadow account, and no way out of the process.

A ghost's signals become hypothetical trades (``core/ghost``). What its engine would do with them is played on
an account of its own, so that its verdicts are those of paper. There is no connection here that could send
anything, and nothing is imported that has one.
"""

from __future__ import annotations

from tradebot.broker.simulated import SimulatedBroker


class GhostBroker(SimulatedBroker):
    """The shadow account of a ghost run."""
