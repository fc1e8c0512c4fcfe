"""What a run is told of although the gate let it pass: orders the exchange rejected, targets that cost money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tradebot.core.model.documents import RejectionDocument
from tradebot.core.model.effects import Notify
from tradebot.core.model.events import NOT_LEFT, OrderUpdate
from tradebot.core.model.money import plain
from tradebot.core.model.values import OrderStatus, Side
from tradebot.core.risk.desk import GateContext


class Caveats:
    """Counts the exchange's rejections by its code, and says each kind of caveat once a run.

    ``rejected`` maps a code to how often it came and what was said first.
    """

    __slots__ = ("_thin", "rejected")

    def __init__(self) -> None:
        self.rejected: dict[int, tuple[int, str]] = {}
        self._thin = ""

    def hear(self, update: OrderUpdate) -> Sequence[Notify]:
        """Count a rejection by the exchange; the first of its code is worth a warning."""
        if update.status is not OrderStatus.REJECTED or not update.code:
            return ()
        count, reason = self.rejected.get(update.code, (0, update.reason))
        self.rejected[update.code] = count + 1, reason
        if count:
            return ()
        what = f"the exchange rejected an order ({update.code})"
        if update.code == NOT_LEFT:
            what = "an order did not leave"
        return (Notify(update.at, "warning", f"{update.symbol}: {what}: {update.reason}"),)

    def weigh(self, side: Side, target: Decimal | None, desk: GateContext) -> Sequence[Notify]:
        """Warn once of an entry's target that does not pay the fees of going in and out.

        Both are taken at the taker's rate: a target is a market order once it is triggered.
        """
        price = desk.price if side is Side.BUY else desk.low
        if self._thin or target is None:
            return ()
        gain = (target - price) * side.sign
        fees = (target + price) * desk.taker_fee
        if gain > fees:
            return ()
        self._thin = (
            f"{desk.instrument.symbol}: a target of {plain(target)} at {plain(price)} gains "
            f"{plain(gain)} and costs {plain(fees)} in fees: it cannot pay (said once a run)"
        )
        return (Notify(desk.now, "warning", self._thin),)

    def said(self) -> list[str]:
        """Return what a run's end repeats: the target that cannot pay, and rejections with their number."""
        return [
            *filter(None, [self._thin]),
            *(
                f"{count} order(s) did not leave: {reason}"
                if code == NOT_LEFT
                else f"the exchange rejected {count} order(s) ({code}): {reason}"
                for code, (count, reason) in sorted(self.rejected.items())
            ),
        ]

    def total(self) -> int:
        """How many orders the exchange has rejected."""
        return sum(count for count, _ in self.rejected.values())

    def rows(self) -> list[RejectionDocument]:
        """Return code, count and the first reason of each kind of rejection, by code (JSON values)."""
        return [
            {"code": code, "count": count, "reason": reason}
            for code, (count, reason) in sorted(self.rejected.items())
        ]

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"rejected": self.rows(), "thin": self._thin}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        thin = state.get("thin")
        self._thin = thin if isinstance(thin, str) else ""
        for row in state.get("rejected", ()):
            self.rejected[row["code"]] = row["count"], row["reason"]
