"""What only a start with real money asks: its switches, the locks, the margin, who else is there, and what the journal says.

Each function gives lines of the checklist, as the doctor's do; none of them changes anything at the exchange.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.finding import Row
from tradebot.app.ours import Ours, read_differences
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.account import OrderRead
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.money import ZERO, exact, plain
from tradebot.core.risk import ceilings
from tradebot.core.trading.reconcile import Whose, whose_is
from tradebot.guard.account_lock import account_dir
from tradebot.guard.latch import halt_present, read_halts
from tradebot.guard.lock import is_held, lock_holder
from tradebot.journal.side import SIDE_FILE

if TYPE_CHECKING:
    from tradebot.app.account import Access
    from tradebot.broker.account_view import AccountPicture
    from tradebot.plugins.strategies import StrategySpec
    from tradebot.wire.client import Wire

SLOW_MS = 250
"""A disk that takes longer than this for a write cannot put intents on record before orders leave."""

MOST_TRIES = 3
"""Writes that are measured: other programs may just be keeping the disk busy, a slow one is slow each time."""

FEES = 2
"""Times that a position pays the taker's fee: in and out."""


def switches(config: Config) -> Iterator[Row]:
    """Judge what a person has to have switched on, and say which account is meant."""
    if config.live.enabled:
        yield Row("enabled", "ok", "[live] enabled = true")
    else:
        yield Row(
            "enabled", "fail", "[live] enabled = false", "set live.enabled = true in bot.toml"
        )
    profile = config.risk.profile
    if profile == "live":
        yield Row("profile", "ok", 'profile = "live": the ceilings bind')
    else:
        hint = 'set risk.profile = "live" in bot.toml, or --profile live'
        yield Row("profile", "fail", f'profile = "{profile}"', hint)
    yield _readiness(config)


def _readiness(config: Config) -> Row:
    """Say which account is meant, and what opens it."""
    exchange = config.exchange
    if exchange.environment == "local":
        hint = 'set exchange.environment = "demo" (Demo Trading), or "live" with the url of a venue on this machine'
        return Row("readiness", "fail", 'environment = "local": no account is configured', hint)
    if exchange.url:
        return Row("readiness", "ok", f"a venue on this machine ({exchange.url}): no real money")
    if exchange.environment == "demo":
        return Row("readiness", "ok", "Demo Trading: no real money")
    return Row("readiness", "ok", "real money: every gate has to pass, and the stage binds")


def locks(data_dir: Path, access: Access) -> Iterator[Row]:
    """Judge the lock of the key's account, and the HALT files of both places."""
    place = account_dir(access.fingerprint)
    holder = lock_holder(place)
    if holder is not None or is_held(place):
        who = "another process" if holder is None else f"process {holder.pid} ({holder.role})"
        text = f"{who} works on the account of this key"
        yield Row("key lock", "fail", text, "one engine an account: stop that one first")
    elif why := _unwritable(place):
        yield Row("key lock", "fail", f"{place}: {why}", "give yourself the right to write there")
    else:
        yield Row("key lock", "ok", f"free (fingerprint {access.fingerprint})")
    if not halt_present(data_dir) and not halt_present(place):
        yield Row("halt", "ok", "no HALT, here or at the key's lock")
    elif halt_present(place):
        said = "; ".join(f"{row.reason} ({row.who})" for row in read_halts(place))
        text = f"a HALT lies at the key's lock: {said or 'no reason was kept'}"
        yield Row("halt", "fail", text, "tradebot resume --reason TEXT removes it")


def _unwritable(place: Path) -> str:
    """Return why nothing can be written where the key's lock goes, "" where it can."""
    there = next((one for one in (place, *place.parents) if one.exists()), place)
    return "" if there.is_dir() and os.access(there, os.W_OK) else f"{there} cannot be written"


def sync_time(data_dir: Path, clock: Clock = SYSTEM) -> Iterator[Row]:
    """Judge how long the disk takes to have a write for certain: the quickest of a few, where the first was slow."""
    there = next(
        (one for one in (data_dir, *data_dir.absolute().parents) if one.is_dir()), data_dir
    )
    took = float("inf")
    try:
        for _ in range(MOST_TRIES):
            if took >= SLOW_MS:
                took = min(took, _sync_once(there, clock))
    except OSError as error:
        yield Row("fsync", "fail", f"{there}: {error.strerror}", "choose another --data-dir")
        return
    text = f"{took:.0f} ms for a write to be on the disk (at most {SLOW_MS} ms)"
    hint = "an intent must be on record before its order leaves: use a faster disk"
    ok = took < SLOW_MS
    yield Row("fsync", "ok", text) if ok else Row("fsync", "warn", text, hint, live="fail")


def _sync_once(where: Path, clock: Clock) -> float:
    """Return how long a write took to be on the disk (ms)."""
    began = clock.monotonic()
    with tempfile.TemporaryFile(dir=where) as probe:
        probe.write(b"x" * 4096)
        probe.flush()
        os.fsync(probe.fileno())
    return (clock.monotonic() - began) * 1000


# -- the account ----------------------------------------------------------------------------------


def margin(config: Config, picture: AccountPicture) -> Iterator[Row]:
    """Judge equity and free margin by what the stage may have open at once (USDT)."""
    limits = config.live_limits()
    cap, count = limits.position_value or ZERO, limits.max_positions or 0
    usdt = next((one for one in picture.balances if one.asset == "USDT"), None)
    wallet, open_pnl, free = (
        (ZERO, ZERO, ZERO) if usdt is None else (usdt.wallet, usdt.unrealised, usdt.available)
    )
    taker = max((one.taker for one in picture.fees), default=config.sim.taker_fee)
    with exact():
        needed = cap * count
        equity, fees = wallet + open_pnl, needed * taker * FEES
    stage = f"stage {config.stage}: " if config.stage else ""
    stage += f"{count} positions of ${plain(cap)}"
    text = (
        f"{plain(equity)} USDT; {stage} take ${plain(needed)} of margin, and half of it must stay"
    )
    if equity >= needed * 2:
        yield Row("equity", "ok", text)
    else:
        hint = f"have {plain(needed * 2)} USDT on the account, or lower risk.live.position_value or max_positions"
        yield Row("equity", "fail", text, hint)
    text = f"{plain(free)} USDT free; {stage} take ${plain(needed)} and ${fees:.2f} of fees"
    if free >= needed + fees:
        yield Row("free margin", "ok", text)
    else:
        yield Row("free margin", "fail", text, "transfer USDT, or close what takes it up elsewhere")
    text = f"Binance has none for a key: leverage {ceilings.LEVERAGE}x is set and read back instead"
    yield Row("position limit", "ok", text)


# -- the symbols ----------------------------------------------------------------------------------


def _strangers(orders: Sequence[OrderRead]) -> Row:
    """Name orders of somebody else; those of another tradebot may be all that protects what it holds."""
    whose = {one: whose_is(one.order_id, "", frozenset()) is Whose.ANOTHER for one in orders}
    names = [
        f"{one.symbol} order {one.order_id or one.venue_id}{' of another tradebot' if its else ''}"
        for one, its in whose.items()
    ]
    hint = "cancel them: what no run of yours sent halts a run on its symbols"
    if any(whose.values()):
        hint = "end the other tradebot first (another host, or another directory); its stops protect what it holds"
    return Row("foreign orders", "fail", ", ".join(names), hint)


def others(ours: Ours, picture: AccountPicture, symbols: Sequence[str]) -> Iterator[Row]:
    """Judge what somebody else has on the account: on our symbols it must not be."""
    held = picture.holdings
    orders = [one for one in (*held.algos, *held.orders) if not ours.named(one.order_id)]
    strange, _ = read_differences(ours, held, symbols)
    here = [one for one in orders if one.symbol in symbols]
    away = {one.symbol for one in orders} | {one.symbol for one in held.positions}
    away -= {*symbols, *ours.positions}
    if held.strange:
        text = f"it cannot be read whole: {'; '.join(held.strange)}"
        yield Row("foreign orders", "fail", text, "see the account on the exchange's page")
    elif here:
        yield _strangers(here)
    else:
        yield Row("foreign orders", "ok", "none on the symbols to be traded")
    if strange:
        hint = "close it, or put it back: the journal has to agree before a start"
        yield Row("reconcile", "fail", "; ".join(strange), hint)
    if away:
        text = f"something is open on {', '.join(sorted(away))}: it takes margin, and is left alone"
        yield Row("elsewhere", "warn", text)


def tradable(rows: Sequence[Row]) -> Iterator[Row]:
    """Judge whether anything is left to trade, of the symbols' own lines."""
    found = [row for row in rows if row.check == "symbol"]
    if found and all(row.status == "fail" for row in found):
        hint = (
            "every entry would be refused: add a symbol whose smallest order fits, such as ETH/USDT"
        )
        yield Row("symbols", "fail", "none of them can be traded", hint)


async def feed(wire: Wire, config: Config, spec: StrategySpec) -> list[Row]:
    """Judge whether each symbol's prices come by the streams, and whether there is history to warm the strategy up."""
    from tradebot.core.model.values import MINUTE_MS
    from tradebot.core.strategy.resample import timeframe_ms
    from tradebot.market.binance.listening import PATIENCE_S, listen
    from tradebot.market.binance.rest import Rest
    from tradebot.wire.public import MOST_KLINES

    step = timeframe_ms(config.strategy.timeframe)
    lacking = await listen(wire, config.market.symbols)
    rest, now, rows = Rest(wire, MINUTE_MS), wire.time.now(), []
    for symbol in config.market.symbols:
        needed = spec.build(symbol).warmup * (step // MINUTE_MS)
        bars = min(max(needed, 1), MOST_KLINES - 3)
        try:
            found = await rest.klines(symbol, now - (bars + 2) * MINUTE_MS, now, strict=False)
        except ExchangeError as error:
            rows.append(Row("feed", "fail", f"{symbol}: {error}", error.hint))
            continue
        newest = found.bars[-1].open_time + MINUTE_MS if found.bars else 0
        late_s = (now - newest) // 1000
        text = f"{symbol}: {len(found.bars)} bars of {bars} to warm up, the newest {late_s} s old"
        if not found.bars or late_s > 2 * MINUTE_MS // 1000 or len(found.bars) < bars:
            hint = "wait until the exchange has the history, or take a strategy that needs less"
            rows.append(Row("feed", "fail", text if newest else f"{symbol}: no bars", hint))
        elif lacking[symbol]:
            said = f"{symbol}: the streams say nothing of its {lacking[symbol]} within {PATIENCE_S:g} s"
            hint = "see whether the exchange's WebSocket address can be reached from here"
            rows.append(Row("feed", "fail", said, hint))
        else:
            rows.append(Row("feed", "ok", f"{text}; mark and touch come by the streams"))
    return rows


# -- the state ------------------------------------------------------------------------------------


def agreement(ours: Ours, picture: AccountPicture, symbols: Sequence[str]) -> Iterator[Row]:
    """Judge whether journal and account agree; what a start will book is told."""
    strange, booked = read_differences(ours, picture.holdings, symbols)
    if ours.problem:
        hint = "tradebot db verify says more; tradebot db restore FILE puts a backup back"
        yield Row("journal", "fail", ours.problem, hint)
    elif ours.run is None:
        yield Row("journal", "ok", "no live run on this account yet")
    else:
        yield Row("journal", "ok", f"{ours.run.id} was the last live run on this account")
    if booked:
        yield Row(
            "reconcile", "warn", f"{'; '.join(booked)}: a start books what happened meanwhile"
        )
    elif not strange:
        yield Row("reconcile", "ok", "journal and account agree")


def side_file(ours: Ours) -> Row:
    """Judge the file of protective orders that left unrecorded: a start imports what can be read of it."""
    if ours.cut:
        rest = "; ".join(line[:80] for line in ours.cut)
        text = f"{ours.side} order(s) wait, {len(ours.cut)} line(s) cannot be read: {rest}"
        return Row("side file", "warn", f"{SIDE_FILE}: {text}")
    if ours.side:
        text = f"{SIDE_FILE}: {ours.side} order(s) wait to be put into the journal by a start"
        return Row("side file", "warn", text)
    return Row("side file", "ok", "nothing left unrecorded")


async def unknown_orders(wire: Wire, ours: Ours) -> Row:
    """Look up every order of which nobody knows what became."""
    from tradebot.broker.order_look_up import OrderLookUp
    from tradebot.core.model.effects import LookUp
    from tradebot.core.model.events import OrderSeen

    find, lost = OrderLookUp(wire).find, []
    for order in ours.unknown:
        said = await find(LookUp(order.symbol, order.id))
        if not any(isinstance(event, OrderSeen) for event in said):
            lost.append(order.id)
    count = len(ours.unknown)
    if lost:
        hint = "no source could say: wait, and see the order history on the exchange's page"
        return Row("unknown orders", "fail", f"nothing is known of {', '.join(lost)}", hint)
    return Row("unknown orders", "ok", f"{count} looked up" if count else "none")


async def baselines(wire: Wire, symbols: Sequence[str]) -> Row:
    """Judge whether the equity at the start of day and week can be told."""
    from tradebot.broker.baseline_reader import BaselineReader

    found = await BaselineReader(wire, tuple(symbols), lambda _: None).read()
    if found.day is None or found.week is None:
        hint = "without them a loss of the day cannot be told: wait, and check again"
        return Row("baselines", "fail", found.detail, hint)
    text = f"{_usdt(found.day)} at 00:00 UTC, {_usdt(found.week)} on Monday"
    return Row("baselines", "ok", text)


def _usdt(amount: Decimal) -> str:
    return f"{amount:,.2f} USDT"
