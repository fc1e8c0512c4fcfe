"""What differs between journal and account, and what is done about each difference: a pure function and a table.

``diff`` compares one reading of the account with what is believed; ``TABLE`` says what each kind of difference leads
to. Both know nothing of time passing: how often a difference was seen, and when it halts, is counted by ``Accounts``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.events import AccountRead
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ONE, ZERO, plain, quotient_at_8
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.state.order_table import OrderTable
from tradebot.core.state.orders import TrackedOrder

LINE = Decimal("0.00000001")
"""The venue rounds each cash line to 8 decimals: so much per line is no difference (USDT)."""
ADDED = Decimal("0.02")
"""A position's margin may be so much above its value / leverage, as a fraction, before some was added by hand."""
SETTLE_MS = 2_000
"""Between two rounds of what a word on its way may explain."""
ROUND_MS = 30_000
"""Between two rounds of what the exchange itself may show late."""

HELD_HALTS = ("account", "foreign", "instance")
"""The halts that cannot be cleared while a difference that halts them is there."""


class DifferenceKind(StrEnum):
    """The name of a difference."""

    FILL_MISSED = "fill missed"
    ORDER_GONE = "order gone"
    ORDER_CUT = "order cut"
    ORDER_REOPENED = "order reopened"
    ENTRY_LOST = "entry lost"
    CLOSING_LOST = "closing order lost"
    ORDER_ORPHANED = "order orphaned"
    ORDER_STAYS = "order stays"
    STOP_MISSING = "stop missing"
    ORDER_OF_COPY = "order of a copy"
    POSITION_LARGER = "position larger"
    POSITION_SMALLER = "position smaller"
    POSITION_GONE = "position gone"
    POSITION_FLIPPED = "position flipped"
    POSITION_UNPLANNED = "position unplanned"
    MARGIN_ADDED = "margin added"
    ORDER_FOREIGN = "order foreign"
    ORDER_OF_ANOTHER = "order of another"
    ORDER_ELSEWHERE = "order elsewhere"
    POSITION_ELSEWHERE = "position elsewhere"
    WALLET_DIFFERS = "wallet differs"


class Act(StrEnum):
    """What is done at once about a difference, each time it is seen."""

    TAKE_OVER = "believe what was read of the order"
    LOOK_UP = "look the order up"
    ADOPT = "take the order up again"
    CANCEL = "take the order up and cancel it"
    PROTECT = "place the plan's stop"
    COVER = "make the stop fit what is held"
    CLOSE = "close what is held"
    FIND = "look for the fill"
    READ = "read the account and its cash lines"
    SHOW = "show it"
    NOTHING = "touch nothing"


@frozen
class Remedy:
    """What a difference leads to: ``act`` at once, and the halt when it is still there in round ``rounds``.

    ``apart`` is how long two rounds are apart at least (ms); ``halt`` "" never halts.
    """

    act: Act
    halt: str = "account"
    rounds: int = 3
    apart: int = SETTLE_MS


TABLE: Mapping[DifferenceKind, Remedy] = {
    DifferenceKind.FILL_MISSED: Remedy(Act.TAKE_OVER),
    DifferenceKind.ORDER_GONE: Remedy(Act.LOOK_UP, apart=ROUND_MS),
    DifferenceKind.ORDER_CUT: Remedy(Act.TAKE_OVER),
    DifferenceKind.ORDER_REOPENED: Remedy(Act.ADOPT, apart=ROUND_MS),
    DifferenceKind.ENTRY_LOST: Remedy(Act.CANCEL, apart=ROUND_MS),
    DifferenceKind.CLOSING_LOST: Remedy(Act.ADOPT, apart=ROUND_MS),
    DifferenceKind.ORDER_ORPHANED: Remedy(Act.CANCEL, apart=ROUND_MS),
    DifferenceKind.ORDER_STAYS: Remedy(Act.NOTHING, apart=ROUND_MS),
    DifferenceKind.STOP_MISSING: Remedy(Act.PROTECT),
    DifferenceKind.ORDER_OF_COPY: Remedy(Act.NOTHING, "instance", rounds=1),
    DifferenceKind.POSITION_LARGER: Remedy(Act.COVER, "foreign", rounds=2),
    DifferenceKind.POSITION_SMALLER: Remedy(Act.COVER),
    DifferenceKind.POSITION_GONE: Remedy(Act.FIND),
    DifferenceKind.POSITION_FLIPPED: Remedy(Act.CLOSE, "foreign", rounds=2),
    DifferenceKind.POSITION_UNPLANNED: Remedy(Act.FIND, "foreign", rounds=2),
    DifferenceKind.MARGIN_ADDED: Remedy(Act.SHOW),
    DifferenceKind.ORDER_FOREIGN: Remedy(Act.NOTHING, "foreign", rounds=1),
    DifferenceKind.ORDER_OF_ANOTHER: Remedy(Act.NOTHING, "instance", rounds=1),
    DifferenceKind.ORDER_ELSEWHERE: Remedy(Act.SHOW, "", rounds=1),
    DifferenceKind.POSITION_ELSEWHERE: Remedy(Act.SHOW, "", rounds=1),
    DifferenceKind.WALLET_DIFFERS: Remedy(Act.READ),
}
"""What each difference leads to. README's reference has a line for people on each."""


@frozen
class Difference:
    """A difference that was found. ``subject`` names what differs: the same one has the same name next time.

    ``text`` says it in words; ``order`` is what was read of an order, ``tracked`` what is kept of it; ``qty`` what
    the venue holds of the symbol (signed base units).
    """

    kind: DifferenceKind
    subject: str
    symbol: str
    text: str
    order: OrderRead | None = None
    tracked: TrackedOrder | None = None
    qty: Decimal = ZERO


@frozen
class Believed:
    """A symbol's position as the journal has it.

    ``qty`` is booked and announced (signed base units), ``moved_at`` when it last changed (UTC ms), ``funding`` what
    was paid on it (USDT); ``wants_stop`` says that its plan has a stop and it is not being closed. ``margin`` is the
    position's isolated wallet as it was read first, and the funding paid until then (USDT).
    """

    qty: Decimal = ZERO
    moved_at: int = -1
    wants_stop: bool = False
    funding: Decimal = ZERO
    margin: tuple[Decimal, Decimal] | None = None


@frozen
class JournalSide:
    """What the journal says: whose orders are ours, the positions by symbol, the orders, the wallet (USDT).

    ``nonces`` are those of this journal's starts, empty where that was not told; ``lines`` counts the cash lines
    that the wallet is the sum of, and ``blur`` is what rounding the average entries may make of it. ``outside`` says that words come late; else every difference is one at once.
    """

    instance: str
    positions: Mapping[str, Believed]
    orders: OrderTable
    wallet: Decimal
    lines: int = 0
    blur: Decimal = ZERO
    nonces: frozenset[str] = frozenset()
    leverage: int = 1
    outside: bool = True


def diff(journal: JournalSide, account: AccountRead) -> tuple[Difference, ...]:
    """Return what differs between journal and account, orders first; of one symbol only if only that was read."""
    return (
        *diff_orders(journal, account),
        *diff_positions(journal, account),
        *diff_wallet(journal, account.wallet, account.asked),
    )


def undecided(journal: JournalSide, asked: int) -> frozenset[str]:
    """Return the subjects on which a reading asked for then (UTC ms) says nothing: they have moved since."""
    moved = [s for s, known in journal.positions.items() if known.moved_at >= asked]
    if not moved:
        return frozenset()
    wallet = [WALLET] if journal.outside else []
    return frozenset([*wallet, *(f"position {symbol}" for symbol in moved)])


# -- orders ------------------------------------------------------------------------------------------------


def diff_orders(journal: JournalSide, account: AccountRead) -> Iterator[Difference]:
    """Yield what differs in orders: read and unknown, read otherwise than known, known and not read."""
    known = set()
    for order in (*account.algo_orders, *account.orders):
        tracked = journal.orders.find(order.order_id, order.symbol, order.venue_id)
        if tracked is None:
            yield _stranger(journal, account, order)
            continue
        known.add(tracked.order.id)
        if (kind := _otherwise(journal, account, tracked, order)) is not None:
            yield _of_order(kind, order, tracked)
    for tracked in journal.orders.live.values():
        symbol = tracked.order.symbol
        if tracked.order.id in known or account.symbol not in ("", symbol):
            continue
        if (
            tracked.cancel or not tracked.answered
        ):  # not there is what is wanted, or being asked about
            continue
        if symbol in journal.positions and _heard(tracked) < account.asked:
            text = f"order {tracked.order.id} on {symbol} was not read"
            subject = f"order {tracked.order.id}"
            yield Difference(DifferenceKind.ORDER_GONE, subject, symbol, text, tracked=tracked)
    yield from _missing_stops(journal, account)


def _of_order(
    kind: DifferenceKind, order: OrderRead, tracked: TrackedOrder | None = None
) -> Difference:
    name = order.order_id or order.venue_id
    text = f"{kind}: {name} on {order.symbol}"
    return Difference(kind, f"order {name}", order.symbol, text, order, tracked)


def _heard(tracked: TrackedOrder) -> int:
    return max(tracked.sent_at, tracked.heard_at)


def _stranger(journal: JournalSide, account: AccountRead, order: OrderRead) -> Difference:
    """Return whose an open order is that nobody here knows: another's, or one of ours that got lost."""
    owner = whose_is(order.order_id, journal.instance, journal.nonces)
    if owner is Whose.ANOTHER:
        return _of_order(DifferenceKind.ORDER_OF_ANOTHER, order)
    if owner is Whose.COPY:
        return _of_order(DifferenceKind.ORDER_OF_COPY, order)
    if order.symbol not in journal.positions:
        return _of_order(DifferenceKind.ORDER_ELSEWHERE, order)
    if owner is Whose.NOBODY:
        return _of_order(DifferenceKind.ORDER_FOREIGN, order)
    if not order.reduce_only:
        return _of_order(DifferenceKind.ENTRY_LOST, order)
    if _is_flat(journal, account, order.symbol):
        return _of_order(DifferenceKind.ORDER_ORPHANED, order)
    return _of_order(DifferenceKind.CLOSING_LOST, order)


def _otherwise(
    journal: JournalSide, account: AccountRead, tracked: TrackedOrder, order: OrderRead
) -> DifferenceKind | None:
    """Return how an order of ours was read otherwise than it is known, None if as it is known."""
    if not journal.outside:  # its words are never late
        return None
    if tracked.live and order.filled > tracked.told:
        return DifferenceKind.FILL_MISSED
    if tracked.cancel and tracked.live and tracked.ended is None:
        late = (
            tracked.leaving_at + SETTLE_MS <= account.asked
        )  # before, the cancel may be on its way
        return DifferenceKind.ORDER_STAYS if late else None
    if _heard(tracked) >= account.asked:  # what is known of it is newer
        return None
    if not tracked.live:
        ended = tracked.status is not OrderStatus.FILLED
        return DifferenceKind.ORDER_REOPENED if ended else None
    if order.qty < tracked.qty:
        return DifferenceKind.ORDER_CUT
    orphaned = tracked.order.reduce_only and _is_flat(journal, account, order.symbol)
    return DifferenceKind.ORDER_ORPHANED if orphaned else None


def _is_flat(journal: JournalSide, account: AccountRead, symbol: str) -> bool:
    return not journal.positions[symbol].qty and not _held(account.positions, symbol)


def _missing_stops(journal: JournalSide, account: AccountRead) -> Iterator[Difference]:
    """Yield the positions that want a stop and have none, neither in place nor on its way."""
    if not journal.outside:
        return
    stops = {t.order.symbol for t in journal.orders.live.values() if _is_stop(t)}
    for symbol, known in journal.positions.items():
        bare = known.wants_stop and known.qty and symbol not in stops
        if bare and account.symbol in ("", symbol) and known.moved_at < account.asked:
            text = f"{symbol}: {plain(known.qty)} is held without a stop"
            yield Difference(DifferenceKind.STOP_MISSING, f"stop {symbol}", symbol, text)


def _is_stop(tracked: TrackedOrder) -> bool:
    return tracked.order.purpose is Purpose.STOP and not tracked.cancel and tracked.ended is None


class Whose(StrEnum):
    """Whose an order is, by its id: ``COPY`` has our name and a start that our journal knows nothing of."""

    US = "us"
    COPY = "copy"
    ANOTHER = "another"
    NOBODY = "nobody"


def whose_is(order_id: str, instance: str, nonces: frozenset[str]) -> Whose:
    """Return whose an order id is: a tradebot's are ``tb<instance>-<nonce>-<n><purpose>``.

    ``nonces`` are those of our journal; where none were told, each of our name is ours.
    """
    stem, _, number = order_id.rpartition("-")
    name, dash, nonce = stem.partition("-")
    if not dash or not name.startswith("tb") or not number[:-1].isdigit():
        return Whose.NOBODY
    if number[-1] not in "estx":
        return Whose.NOBODY
    if name != f"tb{instance}":
        return Whose.ANOTHER
    return Whose.COPY if nonces and nonce not in nonces else Whose.US


# -- positions ---------------------------------------------------------------------------------------------


def diff_positions(journal: JournalSide, account: AccountRead) -> Iterator[Difference]:
    """Yield what differs in positions; one that has moved since the reading was asked for is not compared."""
    for symbol, known in journal.positions.items():
        if account.symbol not in ("", symbol) or known.moved_at >= account.asked:
            continue
        read = _held(account.positions, symbol)
        if (kind := _position(known.qty, read)) is not None:
            text = f"{symbol}: the venue holds {plain(read)}, the ledger {plain(known.qty)}"
            yield Difference(kind, f"position {symbol}", symbol, text, qty=read)
    for position in account.positions:
        if position.symbol in journal.positions:
            if journal.outside and (added := _added(journal, account, position)):
                way = "added to" if added > 0 else "taken from"
                text = (
                    f"{position.symbol}: {plain(abs(added))} USDT of margin were {way} the position"
                )
                subject = f"margin {position.symbol}"
                yield Difference(DifferenceKind.MARGIN_ADDED, subject, position.symbol, text)
        elif position.qty:
            text = f"{plain(position.qty)} of {position.symbol} is held beside, not by this run"
            subject, kind = f"position {position.symbol}", DifferenceKind.POSITION_ELSEWHERE
            yield Difference(kind, subject, position.symbol, text, qty=position.qty)


def _held(positions: tuple[PositionRead, ...], symbol: str) -> Decimal:
    """Return what is held of a symbol (signed base units); in hedge mode both sides together."""
    return sum((p.qty for p in positions if p.symbol == symbol), ZERO)


def _position(believed: Decimal, read: Decimal) -> DifferenceKind | None:
    if read == believed:
        return None
    if not believed:
        return DifferenceKind.POSITION_UNPLANNED
    if not read:
        return DifferenceKind.POSITION_GONE
    if (read > 0) != (believed > 0):
        return DifferenceKind.POSITION_FLIPPED
    larger = abs(read) > abs(believed)
    return DifferenceKind.POSITION_LARGER if larger else DifferenceKind.POSITION_SMALLER


def agrees_on_money(journal: JournalSide, account: AccountRead) -> bool:
    """Whether the wallet was read and is as the journal has it: then no funding is on its way."""
    if account.wallet is None or WALLET in undecided(journal, account.asked):
        return False
    return not any(diff_wallet(journal, account.wallet, account.asked))


def _added(journal: JournalSide, account: AccountRead, position: PositionRead) -> Decimal:
    """Return by what a position's margin is not what it should be (USDT), 0 where that is no matter.

    Once it was read, to the last digit: nothing but funding moves it while the position stands. What it is at
    first only the exchange knows (its price then, not the fills', is what counts): more than ``ADDED`` above is too much.
    """
    known = journal.positions[position.symbol]
    if position.margin is not None and known.margin is not None and position.qty == known.qty:
        change, paid = position.margin - known.margin[0], known.funding - known.margin[1]
        unexplained = abs(change) > LINE and abs(change - paid) > LINE
        if unexplained and known.moved_at < account.asked and agrees_on_money(journal, account):
            return change
    value = abs(position.qty) * position.entry
    if position.margin is None or not value:
        return ZERO
    over = position.margin * journal.leverage - value * (ONE + ADDED)
    paid = abs(journal.positions[position.symbol].funding) * journal.leverage
    return position.margin - _at_leverage(value, journal.leverage) if over > paid else ZERO


def _at_leverage(value: Decimal, leverage: int) -> Decimal:
    return quotient_at_8(value, Decimal(leverage), "ROUND_FLOOR")


def margin_elsewhere(journal: JournalSide, account: AccountRead) -> Decimal:
    """Return the margin of positions this run does not trade (USDT): their own, else their whole value."""
    return sum(
        (
            abs(p.qty) * (p.mark or p.entry) if p.margin is None else p.margin
            for p in account.positions
            if p.symbol not in journal.positions
        ),
        ZERO,
    )


# -- money -------------------------------------------------------------------------------------------------

WALLET = "wallet"


def diff_wallet(journal: JournalSide, wallet: Decimal | None, asked: int) -> Iterator[Difference]:
    """Yield the difference of the wallets (USDT) above what rounding may make of each cash line."""
    if wallet is None or WALLET in undecided(journal, asked):
        return
    room = LINE * journal.lines + journal.blur if journal.outside else ZERO
    if abs(wallet - journal.wallet) > room:
        text = f"the venue's wallet is {plain(wallet)}, the ledger says {plain(journal.wallet)}"
        yield Difference(DifferenceKind.WALLET_DIFFERS, WALLET, "", text)
