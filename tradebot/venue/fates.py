"""What befalls an order or a stop by a fault: parts at given times, nothing, too late; hidden, gone, short."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradebot.core.model.money import ZERO
from tradebot.venue.algo import AlgoOrder
from tradebot.venue.bus import Happening, OrderNews
from tradebot.venue.errors import VenueError
from tradebot.venue.kinds import ORDER, STOP
from tradebot.venue.orders import VenueOrder

if TYPE_CHECKING:
    from tradebot.venue.core import Venue
    from tradebot.venue.rules import Rule


class Fates:
    """Carries out the order and stop rules of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._late: dict[int, float] = {}
        self.takes_block = False
        venue.desk.befalls = self._order_placed
        venue.algos.befalls = self._stop_placed
        venue.bus.subscribe(self._hear)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        clock = self._venue.clock
        clock.call_at(clock.now() + round(seconds * 1000), action)

    # Orders

    def _order_placed(self, order: VenueOrder) -> bool:
        if self.takes_block and order.reduce_only and not order.algo_id:
            self._check_takes(order)
        if order.foreign or not self._venue.faults.rules:
            return False
        taken = False
        for rule in self._venue.faults.chosen(ORDER, _of_order(order)):
            taken = self._order_rule(rule, order) or taken
        return taken

    def _order_rule(self, rule: Rule, order: VenueOrder) -> bool:
        desk = self._venue.desk
        if rule.do == "late_fill":
            self._late[order.id] = float(rule.words["seconds"])
            return False
        desk.hold(order)
        if rule.do == "fill_in_parts":
            self._fill_in_parts(order, rule.words)
        else:
            self._end_unfilled(order)
        return True

    def _fill_in_parts(self, order: VenueOrder, words: dict[str, Any]) -> None:
        plan = sorted(zip(map(float, words["at_s"]), words["parts"], strict=True))
        for number, (seconds, part) in enumerate(plan, start=1):
            last = number == len(plan)
            qty = Decimal(str(part))

            def fill(qty: Decimal = qty, last: bool = last) -> None:
                if order.open:
                    self._venue.desk.fill_part(order, min(qty, order.left))
                if last:
                    self._end_unfilled(order)

            if seconds:
                self._later(seconds, fill)
            else:
                fill()

    def _end_unfilled(self, order: VenueOrder) -> None:
        if order.open and (order.type == "MARKET" or order.tif in ("IOC", "FOK")):
            self._venue.desk.cancel(order, status="EXPIRED", reason="nothing more is filled")

    def _check_takes(self, order: VenueOrder) -> None:
        """Refuse a reduce-only order where untriggered takes cover the position already (-4118)."""
        held = abs(self._venue.desk.holding(order.listing.symbol, order.position_side).qty)
        covered = sum(
            (
                algo.qty
                for algo in self._venue.algos.records.open(order.listing.name)
                if algo.waiting and algo.type.startswith("TAKE_PROFIT") and algo.side == order.side
            ),
            ZERO,
        )
        if covered and covered + order.qty > held:
            raise VenueError(-4118)

    def _hear(self, event: Happening) -> None:
        if not self._late or not isinstance(event, OrderNews) or event.what != "CANCELED":
            return
        seconds = self._late.pop(event.order.id, None)
        if seconds is None:
            return
        order = self._venue.desk.records.by_id[event.order.id]

        def fill() -> None:
            if order.left > ZERO:
                self._venue.desk.fill_part(order, order.left)

        self._later(seconds, fill)

    # Stops

    def _stop_placed(self, algo: AlgoOrder) -> None:
        if self._venue.faults.rules:
            for rule in self._venue.faults.chosen(STOP, _of_algo(algo)):
                self._stop_rule(rule, algo)

    def _stop_rule(self, rule: Rule, algo: AlgoOrder) -> None:
        words = rule.words
        match rule.do:
            case "stop_rejected_later":
                told = bool(words["told"])
                self._later(float(words["seconds"]), lambda: self._reject(algo, told=told))
            case "stop_vanishes":
                self._later(float(words["seconds"]), lambda: self._vanish(algo))
            case "algo_blind":
                algo.hidden = True
                self._later(float(words["seconds"]), lambda: _show(algo))
            case "stop_filled_short":
                algo.share = Decimal(str(words["share"]))
            case "stop_child_expires":
                algo.share = ZERO
            case "stop_rejected_on_trigger":
                algo.doomed = True

    def _reject(self, algo: AlgoOrder, *, told: bool) -> None:
        if algo.waiting:
            self._venue.algos.end(algo, "REJECTED", "Reduce Only reject", silent=not told)

    def _vanish(self, algo: AlgoOrder) -> None:
        if algo.waiting:
            algo.hidden = True
            self._venue.algos.end(algo, "EXPIRED", silent=True)


def _show(algo: AlgoOrder) -> None:
    algo.hidden = False


def _of_order(order: VenueOrder) -> dict[str, str]:
    return {
        "symbol": order.listing.name,
        "client_id": order.client_id,
        "type": order.type,
        "side": order.side,
    }


def _of_algo(algo: AlgoOrder) -> dict[str, str]:
    return {
        "symbol": algo.listing.name,
        "client_id": algo.client_id,
        "type": algo.type,
        "side": algo.side,
    }
