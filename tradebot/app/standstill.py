"""What a close-all means to the engine of an account: it flattens here, on warm connections, and nothing else leaves.

Only a row that is just being written is carried out. An engine that starts, wakes up or is restarted while one stands
was not the one that was asked: it sends nothing at all and waits for `resume`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.account import TradedAccount
from tradebot.app.flatten import Flattening, Named, Rows
from tradebot.app.settle import OPEN_ENDED
from tradebot.broker.account_view import AccountHoldings
from tradebot.broker.binance import BinanceBroker
from tradebot.broker.parameters import CONDITIONAL
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.errors import LeftoverError, RefusedError, TradebotError
from tradebot.core.model.events import AccountRead
from tradebot.core.model.times import iso
from tradebot.core.model.values import OrderStatus, Side
from tradebot.core.trading.session import Session
from tradebot.guard.diary import ENGINE, Diary
from tradebot.guard.latch import HaltRow, clear_halt, halt_present, read_halts
from tradebot.guard.notice import clear_notice, write_notice
from tradebot.journal.writer import Journal
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import COUNTDOWN, TIME, Endpoint

FRESH_MS = 2000
"""For so long an engine may answer a close-all: who asked takes one that did not for hung, and ends it."""

PATIENCE_S = 3600.0
"""Seconds for which the engine tries to close; a ban may be long."""

WAIT_S = 0.1
"""Seconds between two looks at whether a close-all still stands."""

RESUME = "tradebot resume --reason TEXT, then start it again"
ENDING = "everything is closed as the run ends: nothing else leaves"
HELD = "a close-all stands: nothing leaves until `tradebot resume`"


class Standstill:
    """Holds back what an engine sends while a close-all row stands, and carries out one that asks this engine.

    ``latches`` are the directories whose HALT file counts, ``environment`` is the account's: demo or live.
    """

    def __init__(
        self,
        wire: Wire,
        broker: BinanceBroker,
        latches: Sequence[Path],
        environment: str,
        told: Callable[[str], None] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self.run = ""
        self._wire = wire
        self._broker = broker
        self._latches = tuple(latches)
        self._environment = environment
        self._told = told or (lambda _: None)
        self._clock = clock
        self._diary = Diary(self._latches, ENGINE, clock)
        self._seen: set[HaltRow] = set()
        self._answered: set[HaltRow] = set()
        self._posted: list[HaltRow] = []
        self._work: asyncio.Task[Any] | None = None
        self._flattening: Flattening | None = None
        self._over = False

    def standing(self) -> HaltRow | None:
        """Return the newest close-all row that means this account; None where none stands."""
        rows = [*self._posted]
        for latch in self._latches:
            if halt_present(latch):
                rows += read_halts(latch)
        return max(filter(self._means_us, rows), key=lambda row: row.wall, default=None)

    def hold(self, endpoint: Endpoint) -> str:
        """Return why a request of the engine may not leave now, "" if it may; the flattening's own are not asked.

        Once the engine has flattened it may look again; it changes nothing until a resume.
        """
        if self._over and endpoint is COUNTDOWN:
            return ""  # it only cancels, and one that stays armed would cancel what a person places next
        if self.closing:
            return "" if endpoint is TIME else ENDING if self._over else HELD
        row = self.standing()
        if row is None:
            return ENDING if self._over and endpoint.method != "GET" else ""
        return "" if row in self._answered and endpoint.method == "GET" else HELD

    def heed(self, rows: Sequence[HaltRow], session: Session) -> None:
        """Look at the HALT files' rows: flatten for one that is being written now, say so of an older one."""
        new = [row for row in rows if self._means_us(row) and row not in self._seen]
        if not new:
            return
        self._seen.update(new)
        now = self._clock.wall_ms()
        if any(abs(now - row.wall) <= FRESH_MS for row in new):
            self._answered.update(new)
            self._begin(session)
        else:
            self._told(standing_words(new[-1]))

    def ask(self, row: HaltRow, session: Session) -> None:
        """Carry out a close-all that came as a command; it stands though no file could be written."""
        written = self.standing()
        if written is None:
            self._posted.append(row)
            self._answered.add(row)
            self._begin(session)
        else:  # the file asks for the same
            self.heed([written], session)

    async def close_down(self, session: Session, why: str, wait_s: float) -> TradebotError | None:
        """Close everything as its run ends, and prove it; return what kept it from that.

        The engine may look at the account from then on, and change nothing any more. No HALT file is written: the next
        start may trade.
        """
        self._over = True
        self._diary.put("begin", who="tradebot", reason=why, account=self._environment)
        self._work = work = asyncio.get_running_loop().create_task(self._prove(session, wait_s))
        try:
            left, error = await asyncio.shield(work)
        finally:
            work.cancel()
        code = 0 if error is None else error.exit_code
        self._diary.put("result", code=code, left=left, why="" if error is None else error.message)
        return error

    async def _prove(self, session: Session, wait_s: float) -> tuple[Rows, TradebotError | None]:
        """Flatten with the proof; return what is left, and what to tell of it."""
        hint = "tradebot close-all closes it; tradebot account shows what is open"
        try:
            known, unknown = known_holdings(session, self._seen_last), open_ended(session)
            closing = Flattening(self._wire, self._told, self._diary, known=known, unknown=unknown)
            self._flattening = closing
            left = (await closing.run(wait_s)).left
        except TradebotError as error:
            words = f"what is open cannot be told: {error.message}"
            return [], LeftoverError(words, hint=error.hint or hint)
        finally:
            session.broker.read_account(session.engine.now)
        if not left:
            return left, None
        names = ", ".join(f"{row['symbol']} {row['what']}" for row in left)
        return left, LeftoverError(f"this is left on the account: {names}", hint=hint)

    @property
    def _seen_last(self) -> AccountRead | None:
        return None if self._broker.seen is None else self._broker.seen[1]

    def resume(self, before: int) -> None:
        """Forget what was posted before a resume (real clock, UTC ms) and in no file."""
        self._posted = [row for row in self._posted if row.wall > before]

    async def wait_for_resume(
        self,
        data_dir: Path,
        journal: Journal,
        beat: Callable[[], None],
        stopping: Callable[[], str],
        stands: Callable[[], None] = lambda: None,
    ) -> int:
        """While a close-all stands say so (``stands``), and wait; a resume that is asked for meanwhile takes its row away.

        Return until when it waited (real clock, UTC ms), 0 where none stood. RefusedError when ``stopping`` says why it is to be given up.
        """
        born, said = self._clock.wall_ms(), None
        while (row := self.standing()) is not None:
            if row != said:
                if said is not None:  # somebody asks once more: what waits here need not be ended
                    await self._diary.note("waits")
                said = row
                stands()
                self._told(standing_words(row))
                write_notice(data_dir, standing_words(row), self._clock, "waits")
            if why := stopping():
                raise RefusedError(f"{HELD}; nothing was begun ({why})", hint=RESUME)
            for asked in await journal.pending_commands(0):
                if asked.name == "resume" and asked.wall >= born:
                    for latch in self._latches:
                        clear_halt(latch, asked.wall)
            beat()
            await asyncio.sleep(WAIT_S)
        if said is None:
            return 0
        clear_notice(data_dir)
        return self._clock.wall_ms()

    def _means_us(self, row: HaltRow) -> bool:
        return row.closes(self.run, self._environment)

    @property
    def closing(self) -> bool:
        """Whether it is being flattened here: until that has ended nothing can be resumed."""
        return self._work is not None and not self._work.done()

    def _begin(self, session: Session) -> None:
        if self.closing:
            self._diary.put("taken")
            if self._flattening is not None:
                self._flattening.say_hold_again()
        else:
            self._work = asyncio.get_running_loop().create_task(self._close(session))

    async def _close(self, session: Session) -> None:
        taken = asyncio.ensure_future(self._diary.note("taken"))
        try:
            known = known_holdings(session, self._seen_last)
            self._flattening = closing = Flattening(
                self._wire, self._told, self._diary, known=known
            )
            left = (await closing.run(PATIENCE_S, prove=False)).left
            await self._diary.note("done", left=left)
        except TradebotError as error:
            await self._diary.note("failed", why=error.message)
        except Exception as error:  # whatever it is, who asked must not wait for it
            await self._diary.note("failed", why=f"{type(error).__name__}: {error}")
        finally:
            await taken
            session.broker.read_account(session.engine.now)


def stand_still(
    account: TradedAccount,
    latches: Sequence[Path],
    run: str,
    told: Callable[[str], None] | None,
    clock: Clock,
) -> Standstill:
    """Put the hold of the HALT files on the account's wire, before anything is connected; ``run`` is what goes on, or ""."""
    still = Standstill(
        account.wire, account.broker, latches, account.access.environment, told, clock
    )
    still.run = run
    account.standstill, account.wire.hold = still, still.hold
    return still


def standing_words(row: HaltRow) -> str:
    """Return what a person is told of an engine that stands still."""
    return f"a close-all stands since {iso(row.wall)} ({row.who}: {row.reason}): nothing is sent; tradebot resume --reason TEXT ends that"


def known_holdings(session: Session, seen: AccountRead | None) -> AccountHoldings:
    """Return what the engine knows to be held and resting: closed at once, before anything is read.

    Of its own symbols its ledger knows best; of others' positions ``seen`` tells, as the account was last read. A close
    of what is gone meanwhile is refused: it only reduces.
    """
    engine = session.engine
    held = [
        PositionRead(book.symbol, book.holding.qty, book.holding.entry, book.price())
        for book in engine.books.values()
        if book.holding.qty
    ]
    resting = [
        _resting(tracked.order.symbol, tracked.order.id)
        for tracked in engine.table.live.values()
        if tracked.order.type not in CONDITIONAL
    ]
    if seen is not None:
        own = {book.symbol for book in engine.books.values()}
        held += [one for one in seen.positions if one.qty and (one.hedge or one.symbol not in own)]
        resting += seen.orders
    return AccountHoldings(orders=tuple(resting), positions=tuple(held), in_order=False)


def open_ended(session: Session) -> list[Named]:
    """Return the orders that are not where they are going to stay: nothing is proved before the exchange knows them over."""
    live = session.engine.table.live.values()
    return [Named(one.order.symbol, one.order.id) for one in live if one.status in OPEN_ENDED]


def _resting(symbol: str, name: str) -> OrderRead:
    working = OrderStatus.WORKING
    return OrderRead(symbol, name, "", Side.BUY, "LIMIT", working, Decimal(0), Decimal(0))
