"""What a phone's questions are answered with: the journal's own figures, in the words of alerts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.alerts.frame import masked, open_lines, standing
from tradebot.alerts.model import SIMULATED, Readings, Scene, Sighting, Wishes
from tradebot.app.status import latched_halt
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import plain
from tradebot.core.model.spoken import price
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.snapshots import LimitRow
from tradebot.journal.status import engine_word, halts_in_force
from tradebot.journal.view import TradeRow

NEWEST = 10
"""Trades that are told."""

DRY_RUN_S = 30.0
"""Seconds for a close-all to say what it would close."""


class JournalAnswers:
    """PhoneAnswers from a data directory; ``close_all`` are the words of the command that closes everything."""

    def __init__(
        self,
        data_dir: Path,
        readings: Readings,
        wishes: Wishes,
        close_all: Sequence[str],
        clock: Clock = SYSTEM,
    ) -> None:
        self._data_dir, self._readings, self._wishes = data_dir, readings, wishes
        self._close_all = tuple(close_all)
        self._clock = clock

    def answer(self, name: str) -> str:
        """Return the answer to a question; what cannot be told is said so."""
        answers: Mapping[str, Callable[[Sighting], Iterator[str]]] = {
            "status": self._status,
            "positions": self._positions,
            "trades": self._trades,
            "risk": self._risk,
            "report": self._report,
        }
        try:
            lines = [escaped(line) for line in answers[name](self._readings.look())]
        except TradebotError as error:
            return f"cannot be told: {error.message}"
        return "\n".join(lines) or "there is no run yet"

    def would_close(self) -> str:
        """Return what a close-all would close, by its own words; else what was open when the engine last wrote."""
        try:
            done = subprocess.run(
                [*self._close_all, "--dry-run"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=DRY_RUN_S,
                check=False,
            )
            document = json.loads(done.stdout)
            if document["ok"]:
                return _plan_words(document["data"]["plan"], amounts=self._wishes.amounts)
            why = str(document["error"]["message"])
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
            why = type(error).__name__
        return f"what is open could not be asked ({escaped(why)}); last seen:\n{self.answer('positions')}"

    # -- the answers -------------------------------------------------------------------------------

    def _status(self, seen: Sighting) -> Iterator[str]:
        latched = latched_halt(self._data_dir)
        for scene in seen.scenes:
            with Reader(journal_path(self._data_dir)) as reader:
                shown, halt_log = reader.snapshot(scene.run), reader.halts(scene.run)
            held = seen.owner is not None
            word = engine_word(scene.state, shown, self._clock.wall_ms(), held=held)
            yield f"{_label(scene)}engine {word.upper()}"
            yield from standing(scene, self._wishes)
            for halt in halts_in_force(shown, halt_log, latched):
                yield self._private(f"HALTED {halt.reason}: {halt.detail}", scene)
        if not seen.scenes and latched is not None:
            yield f"HALTED {latched.reason}: {latched.detail}"
        if seen.trouble:
            yield seen.trouble

    def _positions(self, seen: Sighting) -> Iterator[str]:
        for scene in seen.scenes:
            for line in open_lines(scene, self._wishes):
                yield f"{_named(scene)} {line}"

    def _trades(self, seen: Sighting) -> Iterator[str]:
        for scene in seen.scenes:
            with Reader(journal_path(self._data_dir)) as reader:
                trades = reader.trades(scene.run, limit=NEWEST)
            yield f"{_named(scene)}: {f'the newest {len(trades)} trades' if trades else 'no trade yet'}"
            for trade in trades:
                yield self._private(_trade_words(trade), scene)

    def _risk(self, seen: Sighting) -> Iterator[str]:
        for scene in seen.scenes:
            with Reader(journal_path(self._data_dir)) as reader:
                shown = reader.snapshot(scene.run)
            if shown is None or shown.risk is None:
                yield f"{_named(scene)}: the engine has told no limits yet"
                continue
            yield _named(scene)
            for row in shown.risk.limits:
                yield _limit_words(row, amounts=self._wishes.amounts)

    def _report(self, seen: Sighting) -> Iterator[str]:
        """Yield what this month has come to so far: the whole report is a file."""
        for scene in seen.scenes:
            now = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC)
            first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            if scene.simulated:  # its months are those of its market
                yield f"{_named(scene)}, all of it:"
            else:
                yield f"{_named(scene)}, {first:%Y-%m} so far:"
            since = None if scene.simulated else int(first.timestamp() * 1000)
            with Reader(journal_path(self._data_dir)) as reader:
                trades = reader.trades(scene.run, since=since)
            yield self._private(_sum_words(trades), scene)

    def _private(self, text: str, scene: Scene) -> str:
        return text if self._wishes.amounts else masked(text, scene.equity)


def _label(scene: Scene) -> str:
    return f"{SIMULATED} " if scene.simulated else ""


def _named(scene: Scene) -> str:
    """Return a run as an answer begins with it: what is no market's says so."""
    return f"{_label(scene)}{scene.run}"


def _plan_words(plan: Sequence[Mapping[str, Any]], *, amounts: bool) -> str:
    if not plan:
        return "nothing is open"
    names = ("symbol", "side", "qty", "what") if amounts else ("symbol", "side", "what")
    rows = [" ".join(str(row[name]) for name in names if row.get(name)) for row in plan]
    return "would be closed:\n" + "\n".join(escaped(row) for row in rows)


def _trade_words(row: TradeRow) -> str:
    way = f"{price(row.entry_price, row.symbol)} → {price(row.exit_price, row.symbol)}"
    size = f"{row.side} {plain(row.qty)}"
    return (
        f"{iso(row.exit_time)[5:16]} {row.symbol} {size} {way} PnL {row.pnl:+.2f} {row.exit_reason}"
    )


def _limit_words(row: LimitRow, *, amounts: bool) -> str:
    name = f"{row.rule.replace('_', ' ')}{f' {row.symbol}' if row.symbol else ''}"
    if row.cap is None or row.pct is None:
        return f"{name}: off"
    used = f"{row.used:.2f} of {plain(row.cap)} {row.unit} " if amounts else ""
    return f"{name}: {used}({row.pct:.0f}%) {row.word}"


def _sum_words(trades: Sequence[TradeRow]) -> str:
    won = sum(row.pnl > 0 for row in trades)
    pnl = sum((row.pnl for row in trades), Decimal(0))
    fees = sum((row.fees for row in trades), Decimal(0))
    if not trades:
        return "no trade yet"
    return f"{len(trades)} trades, {won} won, PnL {pnl:+.2f} after fees of {fees:.2f} USDT"


__all__ = ["JournalAnswers"]
