"""What people ask for, and what clears a halt."""

from __future__ import annotations

from tradebot.core.model.effects import NOT_HALTED, CommandDone, Resumed, StopRun
from tradebot.core.model.events import Command
from tradebot.core.state.halts import Standing, obstacle
from tradebot.core.state.loss_limit import REACHED
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.shared import STOPPING, Shared


class Commands:
    """Carries out commands: halt, resume, close-all, stop; and, of nobody but the start, protect, allow and unsupervised."""

    def __init__(self, shared: Shared, exits: Exits) -> None:
        self._shared = shared
        self._exits = exits

    def take(self, command: Command) -> None:
        """Carry out a command and say what became of it."""
        shared = self._shared
        match command.name:
            case "halt":
                shared.halt("user", f"{command.who}: {command.reason}")
                result, ok = "halted", True
            case "resume":
                result, ok = self._resume(command)
            case "close-all":
                result, ok = self._close_all(command), True
            case "stop":
                shared.blocked[STOPPING] = "the run is stopping"
                shared.cancel_entries("stop")
                shared.out.append(StopRun(shared.now, f"{command.who}: {command.reason}"))
                result, ok = "stopping", True
            case "unsupervised" if not command.id:
                shared.halt("unsupervised", command.reason)
                result, ok = "halted", True
            case "protect" | "allow" if not command.id:
                shared.only_protect(command.reason if command.name == "protect" else "")
                result, ok = command.name, True
            case name:
                result, ok = f"unknown command {name!r}", False
        if command.id:  # 0 is nobody's: the HALT file, a signal
            shared.out.append(CommandDone(shared.now, command.id, ok, result))

    def _resume(self, command: Command) -> tuple[str, bool]:
        """Clear the reasons whose own condition holds; name those that stay, and why."""
        cleared, kept = [], []
        standing = self._standing(command.review)
        for reason in list(self._shared.halts.reasons):
            hindrance = obstacle(reason, standing)
            if hindrance:
                kept.append(f"{reason} stays: {hindrance}")
            else:
                self.clear(reason, command.who, command.reason)
                cleared.append(reason)
        if not cleared and not kept:
            return NOT_HALTED, True
        words = [f"resumed: {', '.join(cleared)}"] if cleared else []
        return "; ".join(words + kept), not kept

    def _standing(self, review: str) -> Standing:
        """Say which halts cannot be cleared now, and why."""
        shared = self._shared
        unmet = dict.fromkeys(shared.watch.reached(), "") | shared.unmet
        closing = [b.symbol for b in shared.books.values() if b.closing and shared.position(b)]
        if closing:
            unmet["exit"] = ", ".join(closing)
        bare = [book.symbol for book in shared.books.values() if book.bare_since]
        if bare:
            unmet["stop_path"] = ", ".join(bare)
        if shared.table.shorts:
            unmet["ledger"] = ", ".join(shared.table.shorts)
        return Standing(unmet, review)

    def resume_by_policy(self) -> None:
        """Clear the loss halts whose period is over (``auto_resume``)."""
        for ladder in (self._shared.watch.day, self._shared.watch.week):
            if ladder.reason in self._shared.halts.reasons and ladder.stage < REACHED:
                self.clear(ladder.reason, "policy", "its period is over (auto_resume)")

    def clear(self, reason: str, who: str, why: str) -> None:
        """Clear a halt reason and say so."""
        shared = self._shared
        shared.halts.clear(reason)
        shared.out.append(Resumed(shared.now, reason, who, why, shared.halts.epoch))
        if not shared.halts.reasons:
            shared.flattening = ""

    def _close_all(self, command: Command) -> str:
        shared = self._shared
        shared.halt("user", f"{command.who}: close-all, {command.reason}")
        held = [book for book in shared.books.values() if shared.position(book)]
        self._exits.flatten("close_all")
        return f"closing {len(held)} position(s)" if held else "nothing to close"
