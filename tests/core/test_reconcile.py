"""What differs between journal and account: each difference is found, and leads to what the table says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kits.engine_kit import ADA, LIVE, OUT, XRP, Bare, Played, a_config, long

from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.effects import (
    AccountCompared,
    Cancel,
    CommandDone,
    Effect,
    LookUp,
    Notify,
    Place,
    ReadBack,
    Reconcile,
)
from tradebot.core.model.events import (
    AccountRead,
    CashMoved,
    Command,
    Filled,
    FundingPaid,
    RunStarted,
)
from tradebot.core.model.money import exact
from tradebot.core.model.values import Fill, Order, OrderStatus, Purpose, Side
from tradebot.core.trading.reconcile import (
    SETTLE_MS,
    TABLE,
    Act,
    Difference,
    DifferenceKind,
    Whose,
    diff,
    whose_is,
)
from tradebot.core.trading.shared import Execution
from tradebot.core.trading.unread import UNREAD, UNREAD_MS

D = Decimal
E, S, T, X = Purpose.ENTRY, Purpose.STOP, Purpose.TARGET, Purpose.EXIT
WORKING, PARTIAL = OrderStatus.WORKING, OrderStatus.PARTIAL
OURS, COPYS, ANOTHERS = "tbabcdef-n1-70", "tbabcdef-copied-70", "tbzzzzzz-n1-70"
K = DifferenceKind


class Known(Bare):
    """A bare engine that was told which starts its journal has."""

    def start(self) -> list[Effect]:
        self.starts += 1
        at, name = max(self.time, self.engine.now), f"n{self.starts}"
        starts = tuple(f"n{number}" for number in range(1, self.starts + 1))
        started = RunStarted(at, "run", "abcdef", name, "hash", self.starts > 1, nonces=starts)
        return self.tell(started)


class Desk:
    """An engine, and an account that says whatever the test wants."""

    def __init__(self, **changes: Any) -> None:
        self.story = Known(a_config((XRP, ADA), **changes))
        self.positions: dict[str, PositionRead] = {}
        self.orders: dict[str, OrderRead] = {}
        self.story.later(100)

    def opened(self, signal: Any = None) -> Order:
        """Enter, and let the account say the same as the journal."""
        self.story.opened(signal or long())
        self.holds(self.story.held)
        for order in self.story.placed()[1:]:
            self.rests(order)
        self.story.later(100)
        return self.story.placed(S)[0]

    def holds(self, qty: Decimal | str | int, symbol: str = XRP, **known: Any) -> None:
        self.positions[symbol] = PositionRead(symbol, D(qty), D(2), **known)

    def rests(self, order: Order, **known: Any) -> None:
        self.orders[order.id] = OrderRead(
            *(order.symbol, order.id, f"9{order.id}", order.side, order.type.value, WORKING),
            *(order.qty, D(0), order.price, order.trigger, order.reduce_only),
            **known,
        )

    def found(self, order_id: str, *, closes: bool = True, symbol: str = XRP) -> None:
        """An open order nobody has heard of."""
        self.orders[order_id] = OrderRead(
            *(symbol, order_id, f"9{order_id}", Side.SELL, "STOP_MARKET", WORKING, D(5), D(0)),
            price=None if closes else D(2),
            trigger=D("1.9") if closes else None,
            reduce_only=closes,
        )

    def account(self, wallet: Decimal | str | None = None, symbol: str = "") -> AccountRead:
        now = self.story.now
        algos = tuple(o for o in self.orders.values() if o.trigger is not None)
        plain = tuple(o for o in self.orders.values() if o.trigger is None)
        held = tuple(self.positions.values())
        money = None if wallet is None else D(wallet)
        return AccountRead(now, symbol, now, now, held, plain, algos, money)

    def differences(self, wallet: Decimal | str | None = None) -> tuple[Difference, ...]:
        with exact():
            return diff(self.story.engine.accounts.journal(), self.account(wallet))

    def kinds(self) -> list[DifferenceKind]:
        return [difference.kind for difference in self.differences()]

    def read(self, wallet: Decimal | str | None = None, symbol: str = "") -> list[Effect]:
        return self.story.tell(self.account(wallet, symbol))

    def round(self, kind: DifferenceKind, wallet: Decimal | str | None = None) -> list[Effect]:
        """Let the time between two rounds pass, and read again."""
        effects = self.story.later(TABLE[kind].apart)
        return effects + self.read(wallet)

    def blocked(self) -> str:
        return self.story.engine.shared.blocked.get("account", "")

    def resume(self) -> str:
        self.story.tell(Command(self.story.now, 1, "resume", "me", "go"))
        return self.story.found(CommandDone)[-1].result


def cancelled(effects: list[Effect]) -> list[str]:
    return [effect.order_id for effect in effects if isinstance(effect, Cancel)]


def placed(effects: list[Effect]) -> list[Order]:
    return [effect.approved.order for effect in effects if isinstance(effect, Place)]


def asked(effects: list[Effect], kind: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


# -- how each is made ------------------------------------------------------------------------------


def fill_missed(desk: Desk) -> None:
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    desk.story.works(entry)
    desk.rests(entry)
    desk.orders[entry.id] = replace(desk.orders[entry.id], status=PARTIAL, filled=D(5))
    desk.holds(0)


def order_gone(desk: Desk) -> None:
    desk.orders.pop(desk.opened().id)


def order_cut(desk: Desk) -> None:
    stop = desk.opened()
    desk.orders[stop.id] = replace(desk.orders[stop.id], qty=D(3))


def order_reopened(desk: Desk) -> None:
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    desk.story.update(entry, OrderStatus.REJECTED)
    desk.rests(entry)
    desk.story.later(100)


def entry_lost(desk: Desk) -> None:
    desk.found(f"{OURS}e", closes=False)


def closing_lost(desk: Desk) -> None:
    desk.opened()
    desk.found(f"{OURS}t")


def order_orphaned(desk: Desk) -> None:
    desk.found(f"{OURS}s")


def order_stays(desk: Desk) -> None:
    desk.opened(long(1.9, 2.2))
    target = desk.story.placed(T)[0]
    desk.story.engine.table.cancel(target.id, "why not")
    desk.story.later(SETTLE_MS)


def stop_missing(desk: Desk) -> None:
    stop = desk.opened()
    desk.orders.pop(stop.id)
    table = desk.story.engine.table
    table.live.pop(stop.id)


def order_of_copy(desk: Desk) -> None:
    desk.found(f"{COPYS}s")


def position_larger(desk: Desk) -> None:
    desk.opened()
    desk.holds(desk.story.held + 5)


def position_smaller(desk: Desk) -> None:
    desk.opened()
    desk.holds(desk.story.held - 5)


def position_gone(desk: Desk) -> None:
    desk.opened()
    desk.holds(0)


def position_flipped(desk: Desk) -> None:
    desk.opened()
    desk.holds(-5)


def position_unplanned(desk: Desk) -> None:
    desk.holds(5)


def margin_added(desk: Desk) -> None:
    desk.opened()
    desk.holds(desk.story.held, margin=desk.story.held * 2 + 5)


def order_foreign(desk: Desk) -> None:
    desk.found("web_1")


def order_of_another(desk: Desk) -> None:
    desk.found(f"{ANOTHERS}s", symbol="ETH/USDT")


def order_elsewhere(desk: Desk) -> None:
    desk.found("web_1", symbol="ETH/USDT")


def position_elsewhere(desk: Desk) -> None:
    desk.holds(3, "ETH/USDT")


MAKERS: dict[DifferenceKind, Callable[[Desk], None]] = {
    K.FILL_MISSED: fill_missed,
    K.ORDER_GONE: order_gone,
    K.ORDER_CUT: order_cut,
    K.ORDER_REOPENED: order_reopened,
    K.ENTRY_LOST: entry_lost,
    K.CLOSING_LOST: closing_lost,
    K.ORDER_ORPHANED: order_orphaned,
    K.ORDER_STAYS: order_stays,
    K.STOP_MISSING: stop_missing,
    K.ORDER_OF_COPY: order_of_copy,
    K.POSITION_LARGER: position_larger,
    K.POSITION_SMALLER: position_smaller,
    K.POSITION_GONE: position_gone,
    K.POSITION_FLIPPED: position_flipped,
    K.POSITION_UNPLANNED: position_unplanned,
    K.MARGIN_ADDED: margin_added,
    K.ORDER_FOREIGN: order_foreign,
    K.ORDER_OF_ANOTHER: order_of_another,
    K.ORDER_ELSEWHERE: order_elsewhere,
    K.POSITION_ELSEWHERE: position_elsewhere,
    K.WALLET_DIFFERS: lambda desk: None,
}


def made(kind: DifferenceKind, **changes: Any) -> Desk:
    desk = Desk(**changes)
    MAKERS[kind](desk)
    return desk


def test_every_difference_has_a_remedy_and_is_made_here() -> None:
    assert set(TABLE) == set(MAKERS) == set(DifferenceKind)


@pytest.mark.parametrize("kind", [k for k in MAKERS if k is not K.WALLET_DIFFERS], ids=str)
def test_each_difference_is_found_and_nothing_else(kind: DifferenceKind) -> None:
    assert made(kind).kinds() == [kind]


@pytest.mark.parametrize(
    "kind", [k for k in MAKERS if TABLE[k].act is Act.NOTHING and TABLE[k].rounds == 1], ids=str
)
def test_what_halts_at_once_touches_nothing(kind: DifferenceKind) -> None:
    desk = made(kind)
    effects = desk.read()
    assert desk.story.halted() == [TABLE[kind].halt]
    assert placed(effects) == []
    assert cancelled(effects) == []
    text = desk.story.engine.shared.unmet[TABLE[kind].halt]
    assert text in desk.resume()
    desk.orders.clear()
    desk.read()
    assert desk.resume().startswith("resumed")


LASTING = [K.POSITION_SMALLER, K.POSITION_GONE, K.MARGIN_ADDED, K.POSITION_LARGER]
LASTING += [K.POSITION_FLIPPED, K.POSITION_UNPLANNED]


@pytest.mark.parametrize("kind", LASTING, ids=str)
def test_a_difference_that_lasts_halts_in_its_round(kind: DifferenceKind) -> None:
    desk = made(kind)
    desk.read()
    for _ in range(TABLE[kind].rounds - 1):
        assert desk.story.halted() == []
        assert "account and journal differ" in desk.blocked()
        desk.story.restart()
        desk.read()  # within a round it is not counted
        assert desk.story.halted() == []
        desk.round(kind)
    assert desk.story.halted() == [TABLE[kind].halt]


@pytest.mark.parametrize("kind", [K.ORDER_GONE, K.ORDER_STAYS], ids=str)
def test_an_order_that_stays_different_halts_after_three_rounds(kind: DifferenceKind) -> None:
    desk = made(kind)
    stop = desk.story.placed(S)[0]
    desk.read()
    for _ in range(2):
        assert desk.story.halted() == []
        for _ in range(30):  # each look-up finds it: only the list does not show it, or does
            desk.story.later(1_000)
            desk.story.found_out(stop, WORKING)
        desk.story.later(1_000)
        desk.read()
    assert desk.story.halted() == ["account"]


# -- orders ----------------------------------------------------------------------------------------


def test_a_missed_fill_is_protected_at_once_and_asked_for() -> None:
    desk = made(K.FILL_MISSED, execution=Execution("limit", D(20), 600))
    effects = desk.read()
    assert [(o.purpose, o.qty) for o in placed(effects)] == [(S, D(5))]
    assert asked(desk.story.later(400), LookUp) != []
    assert desk.story.halted() == []


def test_an_order_that_is_gone_is_looked_up() -> None:
    desk = made(K.ORDER_GONE)
    (stop,) = desk.story.placed(S)
    assert [effect.order_id for effect in asked(desk.read(), LookUp)] == [stop.id]
    desk.rests(stop)
    desk.story.later(5_000)
    desk.read()
    assert desk.story.found(AccountCompared)[-1].differences == ()
    assert "account" not in desk.story.engine.shared.blocked


@pytest.mark.parametrize("kind", [K.ORDER_GONE, K.ORDER_STAYS], ids=str)
def test_an_order_s_end_settles_what_was_read_of_it_at_once(kind: DifferenceKind) -> None:
    desk = made(kind)
    (order,) = desk.story.placed(S if kind is K.ORDER_GONE else T)
    desk.read()
    assert "account and journal differ" in desk.blocked()
    desk.story.update(desk.story.placed(S)[0], WORKING)
    assert "account and journal differ" in desk.blocked()
    desk.story.found_out(order, OrderStatus.CANCELLED, "0")
    assert "account" not in desk.story.engine.shared.blocked


def test_what_is_being_asked_about_or_cancelled_need_not_be_there() -> None:
    desk = Desk()
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    desk.story.later(100)
    assert desk.kinds() == []  # nobody has answered yet
    desk.story.update(entry, OrderStatus.UNKNOWN)
    desk.story.later(100)
    assert desk.kinds() == []
    desk.story.update(entry, WORKING)
    desk.story.later(100)
    assert desk.kinds() == [K.ORDER_GONE]
    desk.story.engine.table.cancel(entry.id, "why not")
    desk.story.later(100)
    assert desk.kinds() == []


def test_a_cut_is_taken_over_and_what_is_uncovered_gets_another_stop() -> None:
    desk = made(K.ORDER_CUT)
    effects = desk.read()
    (stop,) = desk.story.placed(S)[:1]
    assert desk.story.engine.table.live[stop.id].qty == 3
    assert [o.qty for o in placed(effects)] == [desk.story.held]
    assert K.ORDER_CUT not in desk.kinds()


def test_a_cut_of_what_has_filled_already_is_none() -> None:
    desk = Desk()
    stop = desk.opened()
    desk.story.fill(stop, "6")
    desk.story.later(100)
    desk.orders[stop.id] = replace(desk.orders[stop.id], qty=D(5))
    desk.holds(desk.story.held)
    assert desk.kinds() == [K.ORDER_CUT]
    before = desk.story.engine.table.live[stop.id].qty
    desk.read()
    assert desk.story.engine.table.live[stop.id].qty == before


def with_margin(margin: str) -> tuple[Desk, Decimal]:
    """A position whose margin was read once; and the wallet as it must be read."""
    desk = Desk()
    desk.opened()
    desk.holds(desk.story.held, margin=D(margin))
    with exact():
        wallet = desk.story.engine.accounts.ledger_wallet()
    desk.read(wallet)
    desk.story.later(100)
    return desk, wallet


@pytest.mark.parametrize("change", ["0.00000002", "0.3", "-0.3", "5"])
def test_once_a_margin_was_read_any_change_of_it_is_seen(change: str) -> None:
    desk, wallet = with_margin("49.9")
    desk.holds(desk.story.held, margin=D("49.9") + D(change))
    (found,) = desk.differences(wallet)
    assert found.kind is K.MARGIN_ADDED
    assert ("added to" if D(change) > 0 else "taken from") in found.text
    for _ in range(3):
        desk.story.restart()
        desk.read(wallet)
        desk.round(K.MARGIN_ADDED, wallet)
    assert desk.story.halted() == ["account"]


def test_what_explains_a_margin_is_no_difference() -> None:
    desk, wallet = with_margin("49.9")
    assert desk.kinds() == []
    desk.holds(desk.story.held, margin=D("49.9") + D("0.00000001"))  # rounded otherwise
    assert desk.differences(wallet) == ()
    desk.holds(desk.story.held, margin=D("50.2"))
    assert desk.kinds() == []  # without the wallet nobody knows what is on its way
    assert [d.kind for d in desk.differences(wallet + D("0.3"))] == [K.WALLET_DIFFERS]
    line = FundingPaid(desk.story.now, XRP, D("0.3"), D(0), D(0), D(0), desk.story.now, "F:1")
    desk.story.tell(line)
    desk.story.later(100)
    assert desk.differences(wallet + D("0.3")) == ()  # it goes to the margin
    desk.holds(desk.story.held, margin=D("49.9"))
    assert desk.differences(wallet + D("0.3")) == ()  # or it does not
    desk.story.fill(desk.story.placed(S)[0], "1")  # what is left has another margin
    assert desk.story.engine.books[XRP].margin is None


def test_the_margin_of_a_position_that_differs_is_not_kept() -> None:
    desk = Desk()
    desk.opened()
    desk.holds(desk.story.held + 5, margin=D(60))
    with exact():
        wallet = desk.story.engine.accounts.ledger_wallet()
    desk.read(wallet)
    assert desk.story.engine.books[XRP].margin is None


def test_a_lost_entry_is_taken_up_and_cancelled_until_it_is_gone() -> None:
    desk = made(K.ENTRY_LOST)
    assert cancelled(desk.read()) == [f"{OURS}e"]
    assert cancelled(desk.story.later(1_000)) == [f"{OURS}e"]
    assert desk.kinds() == []  # the cancel is on its way
    desk.story.later(SETTLE_MS)
    assert desk.kinds() == [K.ORDER_STAYS]


def test_a_reopened_entry_is_cancelled() -> None:
    desk = made(K.ORDER_REOPENED)
    (entry,) = desk.story.placed()
    effects = desk.read()
    assert cancelled(effects) == [entry.id]
    assert entry.id in desk.story.engine.table.live
    desk.story.update(entry, OrderStatus.CANCELLED)
    assert entry.id not in desk.story.engine.table.live


def without_stop(desk: Desk) -> Order:
    """A position whose stop was given up for ended, though it is open."""
    stop = desk.opened()
    desk.story.update(stop, OrderStatus.EXPIRED)
    assert desk.story.placed(X)  # it is being closed
    desk.story.later(100)
    return stop


def test_the_only_stop_of_a_position_is_never_cancelled() -> None:
    desk = Desk()
    stop = without_stop(desk)
    effects = desk.read()
    assert cancelled(effects) == []
    assert desk.story.engine.books[XRP].stop == stop.id
    assert desk.story.engine.table.live[stop.id].status is WORKING
    desk.story.fill(desk.story.placed(X)[-1])
    assert stop.id in cancelled(desk.story.effects)  # it goes with the position


def test_a_stop_that_was_replaced_and_stays_open_goes() -> None:
    desk = Desk()
    old = desk.opened()
    desk.story.engine.protection.trail(desk.story.engine.books[XRP], D("1.95"))
    desk.story.later(1)
    new = desk.story.placed(S)[-1]
    desk.story.works(new)
    desk.rests(new)
    desk.story.update(old, OrderStatus.CANCELLED)
    desk.story.later(100)
    assert desk.kinds() == [K.ORDER_REOPENED]
    assert cancelled(desk.read()) == [old.id]
    assert desk.story.engine.books[XRP].stop == new.id


def test_a_stop_that_is_found_while_its_successor_is_on_its_way_stays_until_that_stands() -> None:
    desk = Desk()
    old = desk.opened()
    book = desk.story.engine.books[XRP]
    desk.story.engine.protection.trail(book, D("1.95"))
    desk.story.later(1)  # hands the order out
    new = desk.story.placed(S)[-1]
    desk.story.update(old, OrderStatus.CANCELLED)
    book.retiring = []
    desk.story.later(100)
    assert old.id not in cancelled(desk.read())
    assert (book.stop, book.retiring) == (new.id, [old.id])
    assert old.id in cancelled(desk.story.works(new))


def test_a_stop_thought_to_have_ended_that_is_open_on_a_flat_symbol_goes() -> None:
    desk = Desk()
    stop = without_stop(desk)
    desk.story.fill(desk.story.placed(X)[-1])
    desk.holds(0)
    desk.story.later(100)
    assert desk.kinds() == [K.ORDER_REOPENED]
    assert cancelled(desk.read()) == [stop.id]


def test_a_lost_stop_is_relied_on_where_there_is_no_other() -> None:
    desk = Desk()
    without_stop(desk)
    desk.orders.clear()
    desk.found(f"{OURS}s")
    desk.read()
    assert desk.story.engine.books[XRP].stop == f"{OURS}s"


def test_a_filled_order_that_is_read_as_open_is_a_late_reading() -> None:
    desk = Desk()
    stop = desk.opened()
    desk.story.fill(stop)
    desk.holds(0)
    desk.story.later(100)
    assert desk.kinds() == []


def test_an_orphan_blocks_entries_until_it_is_gone() -> None:
    desk = made(K.ORDER_ORPHANED)
    assert cancelled(desk.read()) == [f"{OURS}s"]
    desk.story.say(long())
    desk.story.bar()
    assert "closing order(s) of the last position still rest" in desk.story.refusals()


def test_a_known_stop_that_outlives_its_position_is_an_orphan() -> None:
    desk = Desk()
    stop = desk.opened()
    table = desk.story.engine.table
    desk.story.say(OUT)
    desk.story.bar()
    desk.story.fill(desk.story.placed(X)[0])
    table.live[stop.id].cancel = ""
    desk.holds(0)
    desk.story.later(100)
    assert desk.kinds() == [K.ORDER_ORPHANED]
    assert cancelled(desk.read()) == [stop.id]


def test_a_missing_stop_is_placed_again() -> None:
    desk = made(K.STOP_MISSING)
    assert [o.purpose for o in placed(desk.read())] == [S]
    assert desk.kinds() == []


def test_what_was_heard_later_than_a_reading_was_asked_for_counts_more() -> None:
    desk = Desk()
    stop = desk.opened()
    old = replace(desk.account(), asked=desk.story.now - 200, positions=(), algo_orders=())
    assert diff(desk.story.engine.accounts.journal(), old) == ()
    desk.story.update(stop, OrderStatus.EXPIRED)
    late = replace(desk.account(), asked=desk.story.now - 1)
    assert diff(desk.story.engine.accounts.journal(), late) == ()


@pytest.mark.parametrize(
    ("order_id", "owner"),
    [
        ("tbabcdef-n1-4s", Whose.US),
        ("tbabcdef-n9-4s", Whose.COPY),
        ("tbzzzzzz-n1-4s", Whose.ANOTHER),
        ("tbabcdef-n1-4z", Whose.NOBODY),
        ("tbabcdef-n1-s", Whose.NOBODY),
        ("x-cvBPrNm9-1s", Whose.NOBODY),
        ("web", Whose.NOBODY),
        ("", Whose.NOBODY),
    ],
)
def test_whose_an_order_is_is_in_its_id(order_id: str, owner: Whose) -> None:
    assert whose_is(order_id, "abcdef", frozenset({"n1", "n2"})) is owner
    if owner is Whose.COPY:
        assert whose_is(order_id, "abcdef", frozenset()) is Whose.US


# -- positions ---------------------------------------------------------------------------------------


def test_a_larger_position_is_protected_at_the_plan_s_stop_at_once() -> None:
    desk = made(K.POSITION_LARGER)
    old = desk.story.placed(S)[0]
    effects = desk.read()
    (stop,) = placed(effects)
    assert (stop.purpose, stop.qty, stop.trigger) == (S, desk.story.held + 5, old.trigger)
    assert [r.symbol for r in asked(effects, ReadBack)] == [XRP]
    assert old.id in cancelled(desk.story.works(stop))  # create, then cancel
    desk.orders.clear()
    desk.rests(stop)
    desk.round(K.POSITION_LARGER)
    assert desk.story.halted() == ["foreign"]
    desk.story.later(6_000)
    assert desk.story.placed(X) == []  # it is covered


def test_a_smaller_position_shrinks_the_stop_and_it_grows_back() -> None:
    desk = made(K.POSITION_SMALLER)
    held = desk.story.held
    assert placed(desk.read()) == []
    (stop,) = placed(desk.round(K.POSITION_SMALLER))
    assert (stop.purpose, stop.qty) == (S, held - 5)
    desk.story.works(stop)
    desk.story.later(6_000)
    assert desk.story.placed(X) == []
    desk.holds(held)
    (again,) = [o for o in placed(desk.read()) if o.purpose is S]
    assert again.qty == held
    assert desk.story.halted() == []


def test_what_is_closed_is_what_the_venue_holds() -> None:
    desk = made(K.POSITION_LARGER)
    desk.read()
    desk.story.say(OUT)
    desk.story.bar()
    (out,) = desk.story.placed(X)
    assert out.qty == desk.story.held + 5


def test_a_position_that_is_gone_is_asked_about_and_its_fill_books_it() -> None:
    desk = made(K.POSITION_GONE)
    stop = desk.story.placed(S)[0]
    assert [r.symbol for r in asked(desk.read(), ReadBack)] == [XRP]
    fill = Fill(
        XRP, 99, "autoclose-1", Side.SELL, stop.qty, D("1.5"), D(0), False, desk.story.now, True
    )
    desk.story.tell(Filled(desk.story.now, fill))
    assert desk.story.held == 0
    assert desk.story.halted() == ["liquidated"]
    desk.story.update(stop, OrderStatus.CANCELLED)
    desk.orders.clear()
    desk.story.later(100)
    desk.read()
    assert desk.story.found(AccountCompared)[-1].differences == ()


def test_a_flipped_position_is_closed_as_it_is() -> None:
    desk = made(K.POSITION_FLIPPED)
    assert placed(desk.read()) == []
    effects = desk.round(K.POSITION_FLIPPED)
    (out,) = placed(effects)
    assert (out.purpose, out.side, out.qty, out.reduce_only) == (X, Side.BUY, D(5), True)
    assert desk.story.halted() == ["foreign"]


def test_a_flipped_position_is_not_protected_at_the_old_side() -> None:
    desk = made(K.POSITION_FLIPPED)
    book = desk.story.engine.books[XRP]
    book.held = D(-5)
    desk.story.engine.protection.protect(book)
    desk.story.bar()
    assert len(desk.story.placed(S)) == 1


def test_nothing_is_protected_that_nobody_planned() -> None:
    desk = Desk()
    book = desk.story.engine.books[XRP]
    book.held = D(5)
    desk.story.engine.protection.protect(book)
    desk.story.later(1)
    assert desk.story.placed() == []


def test_a_position_nobody_planned_is_shown_and_not_touched() -> None:
    desk = made(K.POSITION_UNPLANNED)
    desk.read()
    desk.round(K.POSITION_UNPLANNED)
    assert desk.story.placed() == []
    assert "XRP/USDT: the venue holds 5, the ledger 0" in desk.story.told()


@pytest.mark.parametrize("known", [True, False])
def test_what_an_order_of_ours_opened_that_nobody_planned_is_closed(known: bool) -> None:
    """Its id is ours and the journal has its start, but nobody knows the order any more."""
    desk = Desk()
    order_id = f"{OURS if known else COPYS}e"
    fill = Fill(XRP, 9, order_id, Side.BUY, D(5), D(2), D(0), False, desk.story.now)
    desk.story.tell(Filled(desk.story.now, fill))
    (stop,) = desk.story.placed(S)  # protected it is in any case
    desk.story.works(stop)
    desk.story.later(6_000)
    assert [o.qty for o in desk.story.placed(X)] == ([D(5)] if known else [])
    assert desk.story.halted() == ([] if known else ["instance"])


def test_an_unknown_fill_of_ours_in_a_planned_position_is_only_protected() -> None:
    desk = Desk()
    desk.opened()
    fill = Fill(XRP, 99, f"{OURS}e", Side.BUY, D(5), D(2), D(0), False, desk.story.now)
    desk.story.tell(Filled(desk.story.now, fill))
    desk.story.works(desk.story.placed(S)[-1])
    desk.story.later(5_100)
    assert desk.story.placed(X) == []


def test_both_sides_of_a_hedge_are_one_position() -> None:
    desk = Desk()
    desk.opened()
    held = desk.story.held
    both = (
        PositionRead(XRP, held + 5, D(2), hedge="long"),
        PositionRead(XRP, D(-5), D(2), hedge="short"),
    )
    now = desk.story.now
    read = AccountRead(now, "", now, now, both, algo_orders=tuple(desk.orders.values()))
    assert diff(desk.story.engine.accounts.journal(), read) == ()


@pytest.mark.parametrize(
    ("margin", "funding", "found"),
    [("0.5", "0", []), ("1.5", "0", [K.MARGIN_ADDED]), ("1.5", "-1", [])],
)
def test_margin_counts_as_added_beyond_rounding_and_funding(
    margin: str, funding: str, found: list[DifferenceKind]
) -> None:
    desk = Desk()
    desk.opened()
    desk.story.engine.books[XRP].holding.trip_funding = D(funding)
    desk.holds(desk.story.held, margin=desk.story.held * 2 + D(margin))
    assert desk.kinds() == found


def test_an_exchange_in_the_process_has_no_late_words() -> None:
    desk = Desk()
    stop = desk.opened()
    desk.orders[stop.id] = replace(desk.orders[stop.id], qty=D(3))
    desk.story.engine.table.live.pop(stop.id)
    desk.holds(desk.story.held, margin=D(500))
    at_once = replace(desk.story.engine.accounts.journal(), outside=False)
    assert [d.kind for d in diff(at_once, desk.account())] == [K.CLOSING_LOST]
    desk.story.engine.table.live[stop.id] = desk.story.engine.table.adopt(desk.orders[stop.id])
    desk.orders[stop.id] = replace(desk.orders[stop.id], filled=D(1))
    assert diff(at_once, desk.account()) == ()


def test_an_exchange_in_the_process_halts_at_the_first_difference() -> None:
    story = Played(a_config())
    now = story.engine.now
    story.session.deliver(
        AccountRead(
            now, "", now, now, (PositionRead(XRP, D(5), D(2)), PositionRead(ADA, D(5), D(2)))
        )
    )
    assert story.halted() == ["account"]
    assert story.engine.shared.blocked == {}


# -- others -------------------------------------------------------------------------------------------


def test_what_is_held_elsewhere_is_shown_once_and_its_margin_counts() -> None:
    desk = made(K.POSITION_ELSEWHERE)
    desk.positions["DOT/USDT"] = PositionRead("DOT/USDT", D(0), D(9))
    desk.holds(4, "SOL/USDT", mark=D(150), margin=D(60))
    desk.read()
    desk.read()
    said = [e.text for e in desk.story.found(Notify) if "held beside" in e.text]
    assert said == [f"{qty} of {name} is held beside, not by this run"
                    for qty, name in ((3, "ETH/USDT"), (4, "SOL/USDT"))]  # fmt: skip
    assert desk.story.halted() == []
    assert desk.story.engine.shared.exposure.margin() == 66  # 3 x 2 without a margin of its own
    desk.story.restart()
    assert desk.story.engine.shared.exposure.margin() == 66


def test_an_order_elsewhere_is_shown_and_blocks_nothing() -> None:
    desk = made(K.ORDER_ELSEWHERE)
    desk.read()
    assert "order elsewhere: web_1 on ETH/USDT" in desk.story.told()
    assert desk.blocked() == ""


# -- money ----------------------------------------------------------------------------------------------


def test_a_wallet_is_looked_into_at_once_blocks_and_halts_in_the_third_round() -> None:
    desk = Desk()
    wrong = D("9999.99999998")
    assert [e.why[:18] for e in asked(desk.read(wrong), Reconcile)] == ["the venue's wallet"]
    assert "account and journal differ" in desk.blocked()
    desk.round(K.WALLET_DIFFERS, wrong)
    desk.read(None)  # a reading without the wallet answers nothing
    assert desk.story.halted() == []
    desk.round(K.WALLET_DIFFERS, wrong)
    assert desk.story.halted() == ["account"]
    desk.read("10000")
    assert desk.resume() == "resumed: account"


def test_a_rounding_of_each_line_is_no_difference() -> None:
    desk = Desk()
    desk.story.tell(CashMoved(desk.story.now, "r1", "rebate", "", D(1), desk.story.now))
    assert [d.kind for d in desk.differences("10001.00000001")] == []
    assert [d.kind for d in desk.differences("10001.00000002")] == [K.WALLET_DIFFERS]
    desk.opened()
    with exact():
        wallet = desk.story.engine.accounts.ledger_wallet()
        room = D("0.00000003") + desk.story.held * D("0.000000005")
        assert desk.differences(wallet + room) == ()
        assert desk.differences(wallet + room + D("0.00000001")) != ()


def test_a_doubt_is_asked_about_every_five_seconds_by_symbol() -> None:
    desk = made(K.POSITION_SMALLER)
    desk.read()
    effects = desk.story.later(5_000)
    assert [r.symbol for r in asked(effects, ReadBack)] == [XRP]
    desk.read("1")
    effects = desk.story.later(5_000)
    assert asked(effects, ReadBack) == []
    assert "the venue's wallet" in asked(effects, Reconcile)[0].why


def test_a_reading_of_one_symbol_answers_for_that_one() -> None:
    desk = made(K.POSITION_SMALLER)
    desk.read()
    desk.read(symbol=ADA)
    assert desk.story.engine.shared.blocked
    desk.holds(desk.story.held)
    desk.read(symbol=XRP)
    assert not desk.story.engine.shared.blocked


def test_a_difference_that_changes_its_kind_keeps_its_rounds_where_the_halt_is_the_same() -> None:
    desk = made(K.POSITION_SMALLER)
    desk.read()
    desk.holds(0)
    desk.round(K.POSITION_GONE)
    assert desk.story.halted() == []
    desk.holds(1)
    desk.round(K.POSITION_SMALLER)
    assert desk.story.halted() == ["account"]


def test_a_difference_that_halts_otherwise_begins_anew() -> None:
    desk = made(K.POSITION_SMALLER)
    desk.read()
    desk.holds(desk.story.held + 1)
    desk.round(K.POSITION_LARGER)
    assert desk.story.halted() == []
    desk.round(K.POSITION_LARGER)
    assert desk.story.halted() == ["foreign"]


def test_an_average_entry_that_had_to_be_rounded_is_no_difference() -> None:
    desk = Desk()
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    with exact():
        desk.story.fill(entry, "8.3", "2.0001")
        desk.story.fill(entry, str(entry.qty - D("8.3")), "2.0002")
        paid = D("8.3") * D("2.0001") + (entry.qty - D("8.3")) * D("2.0002")
        wallet = desk.story.engine.portfolio.cash + paid  # as an exchange with more digits has it
        assert wallet != desk.story.engine.accounts.ledger_wallet()
        desk.story.later(100)
        assert K.WALLET_DIFFERS not in [d.kind for d in desk.differences(wallet)]


def test_no_entry_is_made_while_something_differs() -> None:
    desk = made(K.POSITION_UNPLANNED)
    desk.read()
    desk.story.say(long(0.6), symbol=ADA)
    desk.story.bar(symbol=ADA)
    assert "account and journal differ. XRP/USDT: the venue holds 5" in desk.story.refusals()


def test_a_working_entry_goes_when_something_differs() -> None:
    desk = Desk(execution=Execution("limit", D(20), 600), limits=replace(LIVE, entry_interval_s=0))
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    desk.story.works(entry)
    desk.rests(entry)
    desk.holds(5, ADA)
    desk.story.later(100)
    assert entry.id in cancelled(desk.read())


def test_an_account_that_cannot_be_read_forbids_entries_until_it_can() -> None:
    """One reading in a row may fail; a second one stops entries, cancels the one that works, and says so once."""
    desk = Desk(execution=Execution("limit", D(20), 600))
    desk.story.say(long())
    desk.story.bar()
    (entry,) = desk.story.placed()
    desk.story.works(entry)
    desk.rests(entry)
    desk.story.later(100)
    desk.read()
    unread = "the account cannot be read"
    assert unread not in {c.why for c in asked(desk.story.later(UNREAD_MS - 2_000), Cancel)}
    effects = desk.story.later(60_000)
    assert unread in {c.why for c in asked(effects, Cancel)}
    (told,) = [told for told in asked(effects, Notify) if "could not be read" in told.text]
    assert told.level == "warning"
    assert "the account could not be read for" in told.text
    desk.story.say(long(0.6), symbol=ADA)
    desk.story.bar(symbol=ADA)
    assert "the account could not be read for" in str(desk.story.refusals())
    told = asked(desk.read(), Notify)[-1]
    assert (told.level, told.text) == ("info", "the account can be read again")
    assert UNREAD not in desk.story.engine.shared.blocked
    assert asked(desk.read(), Notify) == []


def test_how_old_the_last_reading_is_survives_a_restart() -> None:
    desk = Desk()
    desk.read()
    state = desk.story.engine.accounts.export_state()
    desk.story.engine.accounts.restore(state)
    assert desk.story.engine.accounts.export_state() == state
    old = {**state, "asked_at": state["asked_at"][:2]}
    desk.story.engine.accounts.restore(old)
    assert desk.story.engine.accounts.export_state()["asked_at"][2] == 0
