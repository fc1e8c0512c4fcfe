"""What ``live`` says to people: the checklist place by place, what is at stake, and the question for the word."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import TextIO

import typer

from tradebot.app.checklist import Checklist
from tradebot.app.finding import Row
from tradebot.app.live import Permit
from tradebot.app.permission import TOKEN_MS, WORD
from tradebot.cli.findings import wrapped
from tradebot.cli.streams import say
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError
from tradebot.core.model.money import plain
from tradebot.core.model.values import MINUTE_MS

PIPE_WIDTH = 110
WORDS = {"ok": "ok", "warn": "note", "fail": "FAIL"}
TINTS = {"ok": "green", "warn": "yellow", "fail": "red"}
LIMITS = (
    "position_value",
    "max_positions",
    "trade_loss",
    "day_loss",
    "week_loss",
    "since_signoff_loss",
    "leverage",
    "margin_utilisation_pct",
    "liquidation_alert_pct",
    "liquidation_close_pct",
    "entry_interval_s",
    "blackout_hours",
)


def told(found: Checklist, stream: TextIO) -> Iterator[str]:
    """Yield the checklist as people read it: place by place, a line each, the way out below."""
    coloured = stream.isatty() and not os.environ.get("NO_COLOR")
    columns = shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH
    width = max(len(row.check) for row in found.rows)
    before = ""
    for place, row, status in found.lines():
        if place != before:
            yield place
            before = place
        first, *more = wrapped(f"  {'':<4}  {row.check:<{width}}  ", row.detail, columns)
        word = f"{WORDS[status]:<4}"
        if coloured:
            word = typer.style(word, TINTS[status], bold=status != "ok")
        yield f"  {word}{first[6:]}"
        yield from more
        if row.hint and status != "ok":
            yield from wrapped(f"{'':<{width + 10}}→ ", row.hint, columns)


def rehearsal_line(row: Row) -> str:
    """Return a line of the rehearsal."""
    return f"  {WORDS[row.for_live]:<4}  {row.check:<16}  {row.detail}"


def ending(found: Checklist, token: str | None) -> Iterator[str]:
    """Yield what a check comes to, and the token where it went well."""
    counts = [sum(status == each for _, _, status in found.lines()) for each in WORDS]
    yield f"{counts[0]} ok, {counts[1]} to note, {counts[2]} FAIL"
    if found.open:
        yield f"open of ours: {'; '.join(found.open)}"
    if token is not None:
        yield f"to start without a terminal: tradebot live --headless --confirm-live {token}"
        yield f"  ({TOKEN_MS // MINUTE_MS} minutes, one start, this configuration)"


def allowed_lines(allowed: Permit, found: Checklist) -> Iterator[str]:
    """Yield what a start may do, where that is not simply to trade."""
    if allowed.protect:
        yield f"PROTECT ONLY: {allowed.protect}"
        yield f"  open of ours: {'; '.join(found.open)}"
        yield "  no entry is made; what is open is protected until it is closed, then this ends with 4"
    elif allowed.again:
        yield "the last live run broke off less than an hour ago and nothing has changed: it goes on"


def limits_of(config: Config) -> dict[str, str]:
    """Return the live limits as texts, by their keys."""
    limits = config.live_limits()
    return {name: _told_limit(getattr(limits, name)) for name in LIMITS}


def _told_limit(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return plain(value) if isinstance(value, Decimal) else str(value)


def equity_at_risk(found: Checklist) -> Decimal:
    """Return what the account was seen to hold in USDT, open results included."""
    usdt = [] if found.seen is None else [b for b in found.seen.balances if b.asset == "USDT"]
    return sum((one.wallet + one.unrealised for one in usdt), Decimal(0))


def ask_word(config: Config, found: Checklist) -> None:
    """Show what is at stake, and want the word typed; RefusedError for any other."""
    limits, equity = limits_of(config), equity_at_risk(found)
    width = max(map(len, limits))
    say("")
    stage = f"stage {config.stage}" if config.stage else "no stage binds"
    say(f"LIVE: real orders on the {config.exchange.environment} account, {stage}")
    say(f"  {'symbols':<{width}} {', '.join(config.market.symbols)} with {config.strategy.name}")
    at_risk = f"{plain(equity)} USDT; a day may take {limits['day_loss']} of it, a week {limits['week_loss']}"
    say(f"  {'equity at risk':<{width}} {at_risk}")
    for name, value in limits.items():
        say(f"  {name:<{width}} {value}")
    say("  caps bound size, not gaps: a price that jumps over a stop can take more")
    sys.stderr.write(f"Type {WORD} to trade: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != WORD:
        hint = "start again and type it in capitals"
        raise RefusedError(f"the word was not {WORD}: nothing was sent", hint=hint)
