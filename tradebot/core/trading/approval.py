"""What people have approved of a live run: the stage it trades in, and the loss it may make."""

from __future__ import annotations

from dataclasses import replace

from tradebot.core.model.events import SignedAnew, StageLowered
from tradebot.core.model.money import plain
from tradebot.core.risk.limits import tighter
from tradebot.core.trading.commands import Commands
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import Shared

LOSS = "signoff_loss"
"""The halt that says that the approved loss is reached."""


class Approval:
    """Takes a stage down at once, and counts the approved loss anew with a new sign-off."""

    def __init__(self, shared: Shared, reactions: Reactions, commands: Commands) -> None:
        self._shared = shared
        self._reactions = reactions
        self._commands = commands

    def take(self, event: StageLowered | SignedAnew) -> None:
        """Take an event that changes what is approved."""
        if isinstance(event, StageLowered):
            self._lower(event)
        else:
            self._count_anew(event)

    def _lower(self, event: StageLowered) -> None:
        """Tighten the caps, never widen one, and take back what was sent under those of before."""
        shared, limits = self._shared, self._shared.limits
        caps = replace(
            limits,
            position_value=tighter("position_value", limits.position_value, event.position_value),
            max_positions=tighter("max_positions", limits.max_positions, event.max_positions),
        )
        stage = min(shared.stage, event.stage)
        if (caps, stage) == (limits, shared.stage):
            return
        shared.hold_to(caps, stage, event.why)
        most = f"${plain(event.position_value)} a symbol, {event.max_positions} position(s)"
        shared.warn(f"live is down to stage {stage} ({most}): {event.why}")
        shared.cancel_entries(f"stage {stage}")

    def _count_anew(self, event: SignedAnew) -> None:
        """Begin the approved loss anew, and hold the equity to it in this very call; a sign-off begins it once."""
        shared = self._shared
        if event.signoff == shared.watch.approved:
            return
        shared.watch.count_anew(event.signoff, event.worth + shared.portfolio.brought)
        if LOSS in shared.halts.reasons:
            self._commands.clear(LOSS, event.who, "a new sign-off")
        self._reactions.see_equity()
