"""A report's advice: chosen by the first two thirds of its time, played again over the last, and kept once made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot import __version__
from tradebot.app.adjusted import Adjustment
from tradebot.app.report import FOLDER, Told
from tradebot.app.whatif import recording_of, settings_of, what_if
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import DAY_MS, Bar
from tradebot.disk import private_directory, write_text
from tradebot.journal.reader import Reader
from tradebot.journal.view import SignalRow
from tradebot.reports.advice.advise import Advice, Recommendation, advise, in_words
from tradebot.reports.advice.gather import SignalKey, held_on, past_trades, refused_entries
from tradebot.reports.advice.outcomes import Evidence
from tradebot.reports.monthly.document import document
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.value import AdviceText, Report


@dataclass(frozen=True, slots=True)
class PlayedAgain:
    """What a change made of the last third, which chose nothing (USDT); ``why`` it was not played, else ""."""

    as_it_is: Decimal = ZERO
    changed: Decimal = ZERO
    trades: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """The replay in a line."""
        if self.why:
            return f"Not replayed: {self.why}."
        difference = self.changed - self.as_it_is
        verdict = " That speaks against it." if difference < 0 else ""
        return (
            f"Played again over the last third of the time, which chose nothing: {difference:+,.2f} USDT"
            f" (from {self.as_it_is:+,.2f} to {self.changed:+,.2f}, {self.trades} trades).{verdict}"
        )


class Advisor:
    """Says what to change on the reports of one journal."""

    def __init__(self, reader: Reader, config: Config) -> None:
        self._reader = reader
        self._config = config

    def advised(self, told: Told) -> Told:
        """Return the report with its advice: kept from before if it is a month that is over, else made now."""
        path = self._place(told)
        digest = document(told.report)["hash"]
        kept = _kept(path, digest)
        if kept is None:
            kept = self._made(told, digest)
            if path is not None:
                _keep(path, digest, kept)
        return replace(told, report=replace(told.report, advice=kept))

    def _place(self, told: Told) -> Path | None:
        """Return the file the advice of a whole month is kept in; None for another time."""
        period, report = told.period, told.report
        if report.partial or month_of(period.first) != period:
            return None
        folder = self._config.data_dir() / FOLDER
        return folder / f"{period.code}-{report.mode}.advice.json"

    def _made(self, told: Told, digest: str) -> AdviceText:
        third = third_of(told.report)
        chosen = [trade for trade in told.trades if trade.entry_time < third]
        signals = self._signals(told, third)
        refused = [row for row in signals.values() if told.period.holds(row.time)]
        evidence = Evidence(
            past_trades(chosen, signals),
            refused_entries(refused),
            held_on(chosen, self._bars(told, third)),
            whole=(len(told.trades), len({trade.entry_time // DAY_MS for trade in told.trades})),
        )
        advice = advise(evidence, digest)
        replays = [self._replayed(one, told, third) for one in advice.supported]
        return AdviceText(lines_of(advice, replays), _data(advice, replays))

    def _signals(self, told: Told, until: int) -> dict[SignalKey, SignalRow]:
        """Return the signals before a moment by run and id."""
        return {
            (run, row.id): row
            for run in told.runs
            for row in self._reader.signals(run)
            if row.time < until
        }

    def _bars(self, told: Told, until: int) -> Iterator[Bar]:
        """Yield the bars of the report's time up to a moment (UTC ms): what came later chose nothing."""
        for run in told.runs:
            for bar in self._reader.stream_bars(run):
                if bar.open_time + bar.interval > until:
                    break
                if bar.open_time >= told.period.first:
                    yield bar

    def _replayed(self, found: Recommendation, told: Told, third: int) -> PlayedAgain:
        """Play every run of the report again with the change, and add up the last third."""
        if not found.signal:
            return PlayedAgain(why="a change that signals cannot show")
        whole = PlayedAgain()
        adjustment = Adjustment.parse(found.signal)
        for name in told.runs:
            try:
                one = self._play(name, adjustment, told.period, third)
            except TradebotError as error:
                return PlayedAgain(why=error.message)
            whole = PlayedAgain(
                whole.as_it_is + one.as_it_is,
                whole.changed + one.changed,
                whole.trades + one.trades,
            )
        return whole

    def _play(self, name: str, adjustment: Adjustment, period: Period, third: int) -> PlayedAgain:
        run = self._reader.run(name)
        config, spec = settings_of(run, self._config)
        recording = recording_of(self._reader.path, run)
        found = what_if(config, spec, recording, adjustment, None, period.last, third)
        return PlayedAgain(
            found.as_it_is.last_third.pnl,
            found.changed.last_third.pnl,
            found.changed.last_third.trades,
        )


def third_of(report: Report) -> int:
    """Return where the last third of a report's time begins (UTC ms): advice is chosen before it."""
    return report.begun + (report.ended - report.begun) * 2 // 3


def lines_of(advice: Advice, replays: Sequence[PlayedAgain]) -> list[str]:
    """Return the advice in words, each change with what its replay showed."""
    if not advice.supported:
        return in_words(advice)
    lines = []
    for found, replay in zip(advice.supported, replays, strict=True):
        lines += in_words(replace(advice, supported=(found,)))
        lines.append(f"  {replay.words}")
    return lines


def _data(advice: Advice, replays: Sequence[PlayedAgain]) -> dict[str, object]:
    supported = [
        {**asdict(found), "replay": _replay(replay)}
        for found, replay in zip(advice.supported, replays, strict=True)
    ]
    closest = None if advice.closest is None else asdict(advice.closest)
    return {
        "trades": advice.trades,
        "days": advice.days,
        "tests": advice.family,
        "too_few": advice.too_few,
        "supported": supported,
        "closest": closest,
    }


def _replay(replay: PlayedAgain) -> dict[str, object]:
    if replay.why:
        return {"why_not": replay.why}
    figures = {"as_it_is": replay.as_it_is, "changed": replay.changed}
    return {name: plain(value) for name, value in figures.items()} | {"trades": replay.trades}


# -- what is kept ----------------------------------------------------------------------------------------


def _kept(path: Path | None, digest: str) -> AdviceText | None:
    """Return the advice that was made of these very rows before; None where there is none to be read."""
    if path is None:
        return None
    try:
        kept: Any = json.loads(path.read_text(encoding="utf-8"))
        if kept["report"] != digest:
            return None
        return AdviceText(tuple(map(str, kept["lines"])), dict(kept["data"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, digest: str, advice: AdviceText) -> None:
    private_directory(path.parent)
    body = {
        "report": digest,
        "version": __version__,
        "lines": list(advice.lines),
        "data": advice.data,
    }
    write_text(path, json.dumps(body, indent=1) + "\n")


__all__ = ["Advisor", "PlayedAgain", "lines_of", "third_of"]
