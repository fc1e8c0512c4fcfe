"""Cash lines of the venue: each is booked once, and what is in a fill already is only held against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from decimal import Decimal
from typing import Any

from tradebot.core.model.effects import CashBooked, FundingBooked, Notify, ReadBack
from tradebot.core.model.events import CashAnnounced, CashMoved, FundingPaid
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS, Fill
from tradebot.core.state.exit_pace import FAR
from tradebot.core.state.order_table import ANSWER_MS, LEDGER_MS
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import Shared

TRANSFER, REBATE, INSURANCE, COMMISSION = "transfer", "rebate", "insurance", "commission"
NO_RESULT = (TRANSFER, REBATE)
"""Lines that never loosen a limit: what results are measured from moves with them."""
IN_FILLS = ("realized", COMMISSION)
"""Lines that a fill tells of as well; on a symbol the run does not trade nothing else does."""
KNOWN = (*NO_RESULT, INSURANCE, *IN_FILLS)

CENT = Decimal("0.01")
"""What a day's income may differ by from the ledger before it is shown (USDT)."""
TRIFLE = Decimal("0.0001")
"""What a fill's lines may differ by from it before the fill is kept in mind: less is rounding (USDT)."""
REMEMBERED_FILLS = 64
"""Newest fills that lines can be held against."""
REMEMBERED_DAYS, REMEMBERED_ODD = 31, 100
"""Newest days, and newest fills, whose differences are kept."""
SAME_MS = 5_000
"""A booked line of the same amount so near in time is the one that was announced."""


@dataclass(slots=True)
class Announced:
    """A loss the stream told of: its amount (USDT), when it was at the venue, and since when it counts (UTC ms)."""

    amount: Decimal
    time: int
    since: int
    symbol: str = ""
    open: bool = True


class CashLines:
    """Books funding and all other lines that no fill tells of; holds the rest against the fills.

    ``_missing`` are the trades that a line told of before their fill, with the symbol and since when; ``_asked_at`` is
    when their fills were last asked for (UTC ms). ``_fills`` has by trade what the ledger says of each kind of line,
    as long as none was read; ``_lines`` the lines whose fill is missing. ``_insurance`` has by trade the insurance lines that may be its fee: all as
    long as its fill is missing, then the one that is, as long as no commission line is there. ``_rests`` are the differences by day, ``_odd``
    by fill (USDT).
    ``_announced`` are the losses told of, ``_lately`` the newest booked amounts with their time.
    """

    def __init__(self, shared: Shared, reactions: Reactions) -> None:
        self._shared = shared
        self._reactions = reactions
        self._missing: dict[str, tuple[str, int, int]] = {}
        self._asked_at = 0
        self._fills: dict[str, dict[str, Decimal]] = {}
        self._lines: dict[str, dict[str, Decimal]] = {}
        self._insurance: dict[str, list[CashMoved]] = {}
        self._rests: dict[int, Decimal] = {}
        self._odd: dict[str, Decimal] = {}
        self._announced: list[Announced] = []
        self._lately: list[tuple[Decimal, int]] = []

    # -- what is booked from lines alone ---------------------------------------------------------------

    def take_funding(self, event: FundingPaid) -> None:
        """Book funding once and hold the position to its limits."""
        shared = self._shared
        line = event.id or f"funding:{event.symbol}:{event.exchange_time}"
        if event.exchange_time <= shared.past:
            return
        if self._is_beyond_memory(line, event.exchange_time):
            return
        if not shared.portfolio.fund(event.symbol, event.exchange_time, event.amount, line):
            return
        self._arrived(event.amount, event.exchange_time)
        shared.out.append(
            FundingBooked(
                *(shared.now, event.symbol, event.amount, event.rate, event.mark, event.qty),
                event.id,
            )
        )
        self._reactions.see_equity()
        book = shared.books.get(event.symbol)
        if book is not None and book.holding.qty:
            book.funded(event.exchange_time, event.amount)
            self._reactions.hold_to_limits(book)

    def take(self, event: CashMoved) -> None:
        """Book any other cash line once; one of a trade is in its fill."""
        if event.exchange_time <= self._shared.past:
            return
        of_fill = event.trade_id and event.symbol in self._shared.books
        if of_fill and event.kind in IN_FILLS:
            self._confirm(event)
        elif self._was_taken(event) or self._is_beyond_memory(event.id, event.exchange_time):
            return
        elif of_fill and event.kind == INSURANCE:
            self._take_insurance(event)
        else:
            self.move(event)

    def move(self, line: CashMoved) -> None:
        """Book a new line that belongs to no position; one of a type nobody knows counts as a loss, or halts only."""
        shared = self._shared
        _pay(self._shared, line)
        self._arrived(line.amount, line.exchange_time)
        unknown = line.kind not in KNOWN or (line.kind in IN_FILLS and not line.trade_id)
        if line.kind == TRANSFER or (line.amount > 0 and (unknown or line.kind == REBATE)):
            self._reactions.shift(line.amount)
        self._reactions.see_equity()
        if line.kind == TRANSFER:  # from here on results are measured on other money
            self._reactions.point("transfer", shared.now)
            way = "came into" if line.amount > 0 else "left"
            text = f"{plain(abs(line.amount))} USDT {way} the wallet: a transfer, no result"
            shared.out.append(Notify(shared.now, "info", text))
        if unknown:
            text = f"{plain(line.amount)} USDT were booked for something nobody here knows"
            shared.halt("ledger", f"{text}: {line.kind} ({line.id})")

    def _is_beyond_memory(self, line: str, time: int) -> bool:
        if not self._shared.portfolio.forgot_cash(line, time):
            return False
        text = f"cash line {line} is older than all that is remembered"
        self._shared.halt("ledger", f"{text}: nobody can say if it was booked")
        return True

    # -- lines that a fill tells of --------------------------------------------------------------------

    def note_fill(self, fill: Fill, realised: Decimal) -> None:
        """Note what a booked fill says its lines must be (USDT); those that came before it are held against it."""
        if not self._shared.outside or fill.trade_id <= 0:
            return
        key = f"{fill.symbol}:{fill.trade_id}"
        self._fills[key] = {"realized": realised, COMMISSION: -fill.fee}
        if len(self._fills) > REMEMBERED_FILLS:
            self._forget(next(iter(self._fills)))
        for kind, amount in self._lines.pop(key, {}).items():
            self._hold_against(key, kind, amount, fill.time)
        for line in self._insurance.pop(key, []):
            if not self._is_fee(key, line):
                _pay(self._shared, line)
        self._sum_announced()

    def _forget(self, key: str) -> None:
        """Forget a fill; the insurance line that is its fee stays one that was taken."""
        del self._fills[key]
        for line in self._insurance.pop(key, []):
            self._shared.portfolio.move(line.id, line.exchange_time, ZERO)

    def _confirm(self, event: CashMoved) -> None:
        key = _trade_of(event)
        if self._shared.portfolio.knows_trade(event.symbol, event.trade_id):
            if event.kind == COMMISSION:
                self._release(key)
            self._hold_against(key, event.kind, event.amount, event.exchange_time)
            return
        self._lines.setdefault(key, {})[event.kind] = event.amount
        self._await(event)

    def _await(self, line: CashMoved) -> None:
        """Ask for the fill that a line came before."""
        key = _trade_of(line)
        if key not in self._missing:
            self._missing[key] = (line.symbol, line.trade_id, self._shared.now)
            self._ask(line.symbol, line.trade_id, f"a {line.kind} line tells of it")

    def _hold_against(self, key: str, kind: str, amount: Decimal, time: int) -> None:
        """Compare a line with its fill, once; what a day differs by is shown from a cent on."""
        expected = self._fills.get(key, {}).pop(kind, None)
        if expected is None or expected == amount:
            return
        shared, day = self._shared, time // DAY_MS
        rest = self._rests[day] = self._rests.get(day, ZERO) + amount - expected
        for old in list(self._rests)[:-REMEMBERED_DAYS]:
            del self._rests[old]
        if abs(amount - expected) >= TRIFLE:
            self._odd[key] = self._odd.get(key, ZERO) + amount - expected
            if len(self._odd) > REMEMBERED_ODD:
                del self._odd[next(iter(self._odd))]
        if abs(rest) >= CENT or abs(amount - expected) >= CENT:
            text = f"{kind} of trade {key}: the exchange says {plain(amount)}, the ledger {plain(expected)} USDT"
            said = f"{text}; on {iso(day * DAY_MS)[:10]} they differ by {plain(rest)} in all"
            shared.out.append(Notify(shared.now, "warning", said))

    def rests(self) -> dict[int, Decimal]:
        """Return by day (days since 1970) what the venue's lines say beyond the fills, from a cent on (USDT)."""
        return {day: rest for day, rest in self._rests.items() if abs(rest) >= CENT}

    # -- insurance lines of a trade: its fee, or money of their own --------------------------------------

    def _take_insurance(self, line: CashMoved) -> None:
        """Book an insurance line that is not the fee of its fill; a loss counts until it is known which it is."""
        if not self._shared.portfolio.knows_trade(line.symbol, line.trade_id):
            self._insurance.setdefault(_trade_of(line), []).append(line)
            self._arrived(line.amount, line.exchange_time)
            self._reactions.see_equity()
            self._await(line)
        elif self._is_fee(_trade_of(line), line):
            self._arrived(line.amount, line.exchange_time)
        else:
            self.move(line)

    def _is_fee(self, key: str, line: CashMoved) -> bool:
        """Whether an insurance line is the fee that the fill of a liquidation tells of; then it is kept as that."""
        told = self._fills.get(key, {})
        if told.get(COMMISSION) != line.amount:
            return False
        del told[COMMISSION]
        self._insurance[key] = [line]
        return True

    def _release(self, key: str) -> None:
        """A commission line tells of a fill's fee: the insurance line that was taken for it is another loss."""
        for line in self._insurance.pop(key, []):
            self._fills[key][COMMISSION] = line.amount
            _pay(self._shared, line)
            self._reactions.see_equity()

    def _was_taken(self, line: CashMoved) -> bool:
        """Whether a line that is read again is booked, or kept until its fill is known."""
        kept = self._insurance.get(_trade_of(line), ())
        return line.id in self._shared.portfolio.cash_ids or any(k.id == line.id for k in kept)

    def fill_rests(self) -> dict[str, Decimal]:
        """Return by fill (``SYMBOL:trade id``) what its lines say beyond it (USDT): the newest that are more than rounding."""
        return dict(self._odd)

    def _ask(self, symbol: str, trade_id: int, why: str) -> None:
        self._asked_at = self._shared.now
        self._shared.out.append(ReadBack(symbol, f"trade {trade_id} is missing: {why}", trade_id))

    # -- lines that were announced ---------------------------------------------------------------------

    def take_announced(self, event: CashAnnounced) -> None:
        """Count a loss for the limits until its line is booked; a gain counts when it is."""
        amount, time = event.amount, event.exchange_time
        if amount >= 0 or time <= self._shared.past:
            return
        said = (amount, time, event.symbol)
        known = any((a.amount, a.time, a.symbol) == said for a in self._announced)
        booked = any(was == amount and abs(at - time) <= SAME_MS for was, at in self._lately)
        if known or booked:
            return
        self._announced.append(Announced(amount, time, self._shared.now, event.symbol))
        self._sum_announced()
        self._reactions.see_equity()

    def _arrived(self, amount: Decimal, time: int) -> None:
        """A line was booked: what was announced of it counts no more beside it."""
        if not self._shared.outside:
            return
        self._lately = [*self._lately[-31:], (amount, time)]
        for announced in self._announced:
            if announced.open and announced.amount == amount:
                announced.open = False
                break
        self._sum_announced()

    def _sum_announced(self) -> None:
        knows = self._shared.portfolio.knows_trade
        kept = (line for lines in self._insurance.values() for line in lines)
        undecided = (k.amount for k in kept if k.amount < 0 and not knows(k.symbol, k.trade_id))
        losses: Iterable[Decimal] = (a.amount for a in self._announced if a.open)
        self._shared.exposure.announced = sum(undecided, sum(losses, ZERO))

    # -- time -------------------------------------------------------------------------------------------

    def wait_anew(self) -> None:
        """A run went on to which nobody could tell anything meanwhile: what is missing has its whole time anew."""
        now = self._shared.now
        self._missing = {key: (s, n, now) for key, (s, n, _) in self._missing.items()}
        self._announced = [replace(announced, since=now) for announced in self._announced]

    def wake(self) -> None:
        """Ask again for the fills that are missing; halt when one did not come in time."""
        shared, now = self._shared, self._shared.now
        for key, (symbol, trade_id, since) in tuple(self._missing.items()):
            if shared.portfolio.knows_trade(symbol, trade_id):
                del self._missing[key]
            elif now - since >= LEDGER_MS:
                del self._missing[key]
                self._lines.pop(key, None)
                text = f"trade {trade_id} on {symbol} was paid for and its fill not told"
                shared.halt("ledger", f"{text} in {LEDGER_MS // 1000} s")
        if now >= self._asked_at + ANSWER_MS:
            for symbol, trade_id, _ in self._missing.values():
                self._ask(symbol, trade_id, "it was asked for before")
        if self._announced and now - self._announced[0].since >= LEDGER_MS:
            self._announced = [a for a in self._announced if now - a.since < LEDGER_MS]
            self._sum_announced()
            self._reactions.see_equity()

    def due(self) -> int:
        """Return when ``wake`` next has something to do (UTC ms); ``FAR`` for never."""
        asking = self._asked_at + ANSWER_MS if self._missing else FAR
        return min(asking, self._announced[0].since + LEDGER_MS) if self._announced else asking

    def export_state(self) -> dict[str, Any]:
        """Return what is open as JSON values."""
        return {
            "missing": {key: list(values) for key, values in self._missing.items()},
            "asked_at": self._asked_at,
            "fills": _texts(self._fills),
            "lines": _texts(self._lines),
            "insurance": [
                [str(line.amount), line.at, line.id, line.symbol, line.exchange_time, line.trade_id]
                for lines in self._insurance.values()
                for line in lines
            ],
            "rests": {str(day): str(rest) for day, rest in self._rests.items()},
            "odd": {key: str(rest) for key, rest in self._odd.items()},
            "announced": [[str(a.amount), *astuple(a)[1:]] for a in self._announced],
            "lately": [[str(amount), time] for amount, time in self._lately],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self._missing = {key: (s, n, at) for key, (s, n, at) in state["missing"].items()}
        self._asked_at = state["asked_at"]
        self._fills, self._lines = _amounts(state["fills"]), _amounts(state["lines"])
        self._insurance = {}
        for amount, at, name, symbol, *rest in state.get("insurance", ()):
            line = CashMoved(at, name, INSURANCE, symbol, Decimal(amount), *rest)
            self._insurance.setdefault(_trade_of(line), []).append(line)
        self._rests = {int(day): Decimal(rest) for day, rest in state["rests"].items()}
        self._odd = {key: Decimal(rest) for key, rest in state.get("odd", {}).items()}
        self._announced = [
            Announced(Decimal(amount), *rest) for amount, *rest in state["announced"]
        ]
        self._lately = [(Decimal(amount), time) for amount, time in state["lately"]]
        self._sum_announced()


def _trade_of(line: CashMoved) -> str:
    return f"{line.symbol}:{line.trade_id}"


def _texts(amounts: dict[str, dict[str, Decimal]]) -> dict[str, dict[str, str]]:
    return {key: {k: str(v) for k, v in kinds.items()} for key, kinds in amounts.items()}


def _amounts(texts: dict[str, dict[str, str]]) -> dict[str, dict[str, Decimal]]:
    return {key: {k: Decimal(v) for k, v in kinds.items()} for key, kinds in texts.items()}


def _pay(shared: Shared, line: CashMoved) -> None:
    """Book the money of a line that was not taken before."""
    shared.portfolio.move(line.id, line.exchange_time, line.amount)
    now, time = shared.now, line.exchange_time
    shared.out.append(CashBooked(now, line.id, line.kind, line.symbol, line.amount, time))
