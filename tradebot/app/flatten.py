"""Out of everything on an account: cancel, close, and read until nothing is left. No engine, no journal needed.

It covers what is on the account's USD-M side, whoever opened it. The proof is two complete reads that show nothing,
the last one begun when no request on its way can still arrive, with every order that nobody knows the fate of over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tradebot.app.account import Access
from tradebot.app.close_report import going_on, read_closes, seen_in
from tradebot.app.close_symbol import SymbolCloser, Told
from tradebot.app.patience import Patience
from tradebot.broker import account_view, parameters, rows
from tradebot.broker.account_view import AccountHoldings
from tradebot.broker.figures import MALFORMED
from tradebot.broker.order_look_up import NO_ORDER
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.account import OrderRead
from tradebot.core.model.errors import ExchangeError, LeftoverError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.guard.diary import Diary, read_diary
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire, passing
from tradebot.wire.reply import way_out_of_ban
from tradebot.wire.sending import RECV_WINDOW_MS

ARRIVED_S = RECV_WINDOW_MS / 1000 + 1
"""Seconds after which a request that was sent can no longer arrive: the exchange refuses it."""
AGAIN_S, LONGEST_S, RAREST_S = 0.5, 3.0, 8.0
"""Seconds between two rounds, growing: a complete read is dear. The first round after a close comes at once."""
OFTEN_S = 30.0
"""Seconds after which rounds grow rarer, up to ``RAREST_S`` apart: two who close at once must not use a minute up."""
USED_UP = "the requests of this minute are used up"
LEAST = 3
"""Rounds that are played however little time was given: close, cancel the stops, look."""
LOOK_S = 1.0
"""Seconds between two looks at how long a ban still lasts."""
LONGER_S = 60.0
"""Seconds for which the proof may still be waited for when the time is up: somebody else may go on sending for ever."""
MOVED_MS = 500
"""By so much the end of what is sat out has to move to be put on record anew."""
LAST_S = 15.0
"""Seconds that a read may still take when the time is up: an exchange that does not answer is asked many times."""
HOPELESS = ("(-1022)", "(-2014)", "(-2015)", "HTTP 451")
"""Ends of refusals that the next try meets as well: a key, its secret or its address is not right, or nobody is served here."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Named:
    """An order of which a journal does not know the end: asked for by its name."""

    symbol: str
    order_id: str


@dataclass(frozen=True, slots=True)
class Flattened:
    """How it went: what is ``left`` (empty only with the proof), and what proves that nothing is.

    ``reads`` are the beginnings of the two reads (real clock, UTC ms), ``quiet_s`` the seconds between the last request
    that could have left this machine and the second of them, ``looked_up`` the orders asked for by name; ``closes``
    says at which prices it was closed.
    """

    left: Rows
    reads: tuple[int, ...] = ()
    quiet_s: float = 0.0
    looked_up: int = 0
    closes: Rows = field(default_factory=list)

    @property
    def proof(self) -> dict[str, Any] | None:
        """What proves that nothing is left, as an answer has it; None without a proof."""
        if self.left or not self.reads:
            return None
        reads = [iso(at) for at in self.reads]
        return {"reads": reads, "quiet_s": self.quiet_s, "looked_up": self.looked_up}


async def flatten(
    access: Access,
    wait_s: float,
    told: Told,
    diary: Diary | None = None,
    *,
    quiet_s: Callable[[], float] | None = None,
    unknown: Sequence[Named] = (),
    since: int | None = None,
    ended: Callable[[Flattened], None] | None = None,
    clock: Clock = SYSTEM,
) -> Flattened:
    """Close everything; say what is left after ``wait_s`` seconds at most, empty when it is proved that nothing is.

    ``quiet_s`` tells how long ago another process may have sent its last request, ``unknown`` whose end is not
    known. ``since`` (real clock,
    UTC ms) is when it all began: what was closed since is told with its prices. ``ended`` is told first how it ended.
    Raises LeftoverError where the account cannot be read.
    """
    async with access.wire(clock) as wire:
        closing = Flattening(wire, told, diary, quiet_s=quiet_s, unknown=unknown, since=since)
        done = await closing.run(wait_s)
        if ended is not None:
            ended(done)
        if since is None or diary is None:
            return done
        return replace(done, closes=await read_closes(wire, read_diary(diary.dirs, since)))


class Flattening:
    """One close-all of one account. ``known`` is what an engine knows to be held: it is closed before the first read."""

    def __init__(
        self,
        wire: Wire,
        told: Told,
        diary: Diary | None = None,
        *,
        known: AccountHoldings | None = None,
        quiet_s: Callable[[], float] | None = None,
        unknown: Sequence[Named] = (),
        since: int | None = None,
    ) -> None:
        self._wire = wire
        self._told = told
        self._diary = diary or Diary(())
        self._closer = SymbolCloser(wire, self._diary, told)
        self._known = known
        self._quiet_s = quiet_s
        self._begun = wire.clock.monotonic()
        self._unknown = list(unknown)
        self._since = since
        self._looked_up = 0
        self._in_vain = False
        self._last: tuple[int, Rows] | None = None
        self._patience = Patience(told, 0.0, wire.clock)
        self._held_up: tuple[str, int] | None = None

    async def run(self, wait_s: float, *, prove: bool = True) -> Flattened:
        """Work in rounds until two complete reads show nothing; what is open when the time is up is returned.

        The second read may come after the time is up: without it nothing is proved. Without ``prove`` one read is
        enough: whoever asked reads for himself.
        """
        until = self._now + wait_s
        self._patience = Patience(self._told, until, self._wire.clock)
        with passing():
            return await self._run(until, prove)

    async def _run(self, until: float, prove: bool) -> Flattened:
        found = self._known or AccountHoldings(in_order=False)
        await self._act(found)
        found = (await self._look(until, at_once=True))[1]
        pause, first, rounds = 0.0, 0, 0
        often = self._now + OFTEN_S
        while not (self._in_vain or _is_hopeless(found)):
            await self._act(found)
            await asyncio.sleep(pause)
            before, (begun, found) = rows_of(found), await self._look(until)
            rounds += 1
            late = self._now >= until and (rounds >= LEAST or _is_blank(found))
            if not found.is_empty:
                if late:
                    break
                self._patience.say(_not_yet(found))
                fewer = len(rows_of(found)) < len(before)  # then the next round need not wait
                first, pause = 0, 0.0 if fewer else self._longer(pause, often)
            elif not prove or (first and await self._is_proof(begun)):
                self._told("the last read shows that nothing is left")
                return self._proved(first, begun)
            elif late and first and self._unknown:
                return Flattened(_unknown_rows(self._unknown))
            elif first and self._unknown and begun - self._last_sent >= ARRIVED_S:
                names = ", ".join(order.order_id for order in self._unknown)
                self._patience.say(f"nothing is open; nobody can say what became of {names}")
                pause = self._longer(pause, often)
            elif self._now >= until + LONGER_S:
                raise _never_quiet(self._now - self._last_sent)
            else:
                first = first or self._wall(begun)
                pause = max(AGAIN_S, self._last_sent + ARRIVED_S - self._now)
                self._told(f"a read shows nothing; the last one follows in {pause:.0f} s")
        return Flattened(self._remaining(found))

    def _longer(self, pause: float, often: float) -> float:
        """Return the next pause between two rounds (seconds); until ``often`` it is a short one."""
        return min(max(AGAIN_S, pause * 1.5), LONGEST_S if self._now < often else RAREST_S)

    async def _is_proof(self, begun: float) -> bool:
        """Whether an empty read that began then is the last one needed."""
        return begun - self._last_sent >= ARRIVED_S and await self._all_over()

    def _proved(self, first: int, begun: float) -> Flattened:
        quiet = round(begun - self._last_sent, 1)
        return Flattened([], (first, self._wall(begun)), quiet, self._looked_up)

    # -- reading -----------------------------------------------------------------------------------------

    async def _look(self, until: float, *, at_once: bool = False) -> tuple[float, AccountHoldings]:
        """Return a read and when it was begun; what could not be read of it is said in it."""
        try:
            await self._wait_for_ban(until)
            await self._wait_for_room(until)
            begun = self._now
            async with asyncio.timeout(max(until - begun, LAST_S)):
                found = await self._read(at_once=at_once)
        except ExchangeError as error:
            return self._now, _unread(error.message)
        except TimeoutError:
            return self._now, _unread(f"cannot reach {self._wire.hosts.host}: no answer in time")
        open_now = [row["symbol"] + " " + row["what"] for row in rows_of(found)]
        strange, whole = list(found.strange), not at_once
        if not strange:
            self._last = (self._wall(begun), rows_of(found))
        await self._diary.note(
            "read", open=open_now, strange=strange, begun=self._wall(begun), whole=whole
        )
        return begun, found

    async def _read(self, *, at_once: bool) -> AccountHoldings:
        if self._wire.time.is_unknown:
            await self._wire.measure()
        if at_once:
            return await account_view.read_at_once(self._wire, Need.PROTECTIVE)
        return await account_view.read_holdings(self._wire, Need.PROTECTIVE, lenient=True)

    async def _wait_for_ban(self, deadline: float) -> None:
        """Sit a ban out, saying until when; ExchangeError, and all is in vain, where that is later than there is time for."""
        left = self._wire.banned_s
        if not left:
            return
        text = "the exchange has banned this address"
        self._told(f"{text} for {left:.0f} s more: nothing can be sent")
        await self._note_hold("banned", left)
        if self._now + left > deadline:
            self._in_vain = True
            raise ExchangeError(
                f"{text} for {left:.0f} s more, longer than this waits (--wait {left // 60 + 2:.0f}m is long enough)",
                hint=way_out_of_ban(self._wire.hosts.host),
            )
        while (left := self._wire.banned_s) > 0:
            await self._note_hold("banned", left)
            self._patience.say(text, f" for {left:.0f} s more")
            await asyncio.sleep(min(left, LOOK_S))
        self._held_up = None

    async def _wait_for_room(self, deadline: float) -> None:
        """Wait until the exchange takes a whole read again: who goes on asking meanwhile is banned for it.

        With less time than that left it is asked at the last moment.
        """
        while (left := self._room_s(deadline)) > 0:
            await self._note_hold("slowed", left)
            used_up = self._wire.is_used_up(account_view.READ_WEIGHT)
            said = USED_UP if used_up else "the exchange has asked for fewer requests"
            self._patience.say(said, f": it goes on in {left:.0f} s")
            await asyncio.sleep(min(left, LOOK_S))
        self._held_up = None

    async def _note_hold(self, step: str, left: float) -> None:
        """Put on record what is sat out and until when, once for each end: who watches takes an engine that is over it for hung."""
        ends = self._wire.clock.wall_ms() + round(left * 1000)
        before = self._held_up
        if before is not None and before[0] == step and abs(ends - before[1]) < MOVED_MS:
            return
        self._held_up = step, ends
        await self._diary.note(step, ends=ends)

    def say_hold_again(self) -> None:
        """Put once more on record what is sat out: for who has asked since, and knows of nothing before that."""
        if self._held_up is not None:
            step, ends = self._held_up
            self._diary.put(step, ends=ends)

    def _room_s(self, deadline: float) -> float:
        return min(self._wire.slowed_s(account_view.READ_WEIGHT), deadline - self._now)

    async def _all_over(self) -> bool:
        """Whether every order of unknown fate is over by the exchange's word; it is asked for by its name."""
        still = []
        for order in self._unknown:
            if await self._is_over(order):
                self._looked_up += 1
            else:
                still.append(order)
        self._unknown = still
        return not still

    async def _is_over(self, order: Named) -> bool:
        reply = await self._wire.repeat(
            *parameters.query(order.symbol, order.order_id), Need.PROTECTIVE
        )
        if reply.code in NO_ORDER:
            return True
        try:
            algo = parameters.is_algo(order.order_id)
            seen = (rows.seen_algo if algo else rows.seen_order)(reply.body, 0)
        except MALFORMED:
            self._told(f"{order.order_id}: {reply.message or 'the answer cannot be read'}")
            return False
        return reply.ok and seen.status is not None and seen.status.terminal

    # -- acting --------------------------------------------------------------------------------------------

    async def _act(self, found: AccountHoldings) -> None:
        """Do what a read asks for, all symbols at once."""
        held = {position.symbol for position in found.positions}
        closing = [name for name in found.symbols if name in held]
        if closing:
            self._told(f"closing {', '.join(closing)}")
        if resting := [name for name in found.symbols if name not in held]:
            self._told(f"cancelling what rests on {', '.join(resting)}")
        await asyncio.gather(*(self._closer.close(name, found) for name in found.symbols))

    def _remaining(self, found: AccountHoldings) -> Rows:
        """Return what is left; LeftoverError where some of it could not be read, which is never nothing."""
        left = rows_of(found)
        if not found.strange:
            return left
        seen = f"; seen open: {_listed(left)}" if left else ""
        if self._last is not None and not left:
            at, rows = self._last
            seen = f"; read whole last at {iso(at)}: {_listed(rows) or 'nothing'}"
        elif not left and (words := self._seen_by_others()):
            seen = f"; {words}"
        raise LeftoverError(
            f"trading is halted, but what is open cannot be told: the account cannot be read whole: {'; '.join(found.strange)}{seen}",
            hint="run close-all again; the exchange's own page shows what is open",
        )

    def _seen_by_others(self) -> str:
        """Say what an engine that was asked first has read and asked for; "" where nobody has."""
        if self._since is None:
            return ""
        return seen_in(going_on(read_diary(self._diary.dirs), self._since))

    @property
    def _now(self) -> float:
        return self._wire.clock.monotonic()

    @property
    def _last_sent(self) -> float:
        """When the last request may have left this machine: one of ours, or of a process that is gone or halted."""
        others = self._begun if self._quiet_s is None else self._now - self._quiet_s()
        return max(self._closer.sent_at, others)

    def _wall(self, at: float) -> int:
        clock = self._wire.clock
        return clock.wall_ms() - round((clock.monotonic() - at) * 1000)


def _is_hopeless(found: AccountHoldings) -> bool:
    return any(text.endswith(HOPELESS) for text in found.strange)


def _unread(why: str) -> AccountHoldings:
    return AccountHoldings(strange=(why,), exposure_known=False)


def _never_quiet(quiet_s: float) -> LeftoverError:
    return LeftoverError(
        f"trading is halted and a read shows nothing, but that is not proved: the last request of this machine was {quiet_s:.1f} s ago,"
        " and may still arrive",
        hint="end what else sends, then run close-all again",
    )


def _is_blank(found: AccountHoldings) -> bool:
    """Whether nothing was seen of an account, and it may hold anything."""
    return not (found.exposure_known or found.symbols)


def _not_yet(found: AccountHoldings) -> str:
    """Say what is left, or cannot be read, while it goes on."""
    left = _listed(rows_of(found))
    words = [f"still open: {left}"] if left else []
    words += [f"the account cannot be read whole: {found.strange[0]}"] if found.strange else []
    return "; ".join(words)


def _listed(rows: Rows) -> str:
    return ", ".join(f"{row['symbol']} {row['what']} {row['qty']}" for row in rows)


def rows_of(found: AccountHoldings) -> Rows:
    """Return what is open as the rows of an answer."""
    held = [
        {
            "symbol": item.symbol,
            "side": item.hedge or ("long" if item.qty > 0 else "short"),
            "qty": plain(abs(item.qty)),
            "what": "position",
        }
        for item in found.positions
    ]
    return [*held, *_order_rows(found.orders, "order"), *_order_rows(found.algos, "stop or target")]


def _order_rows(orders: Sequence[OrderRead], what: str) -> Rows:
    return [
        {"symbol": item.symbol, "side": item.side.value, "qty": plain(item.qty), "what": what}
        for item in orders
    ]


def _unknown_rows(orders: Sequence[Named]) -> Rows:
    return [
        {"symbol": item.symbol, "side": "", "qty": item.order_id, "what": "order of unknown fate"}
        for item in orders
    ]
