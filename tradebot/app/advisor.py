"""A report's advice: chosen by the first two thirds of its time, played again over the last, and kept once made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tradebot import __version__
from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import (
    AdviceCase,
    PlayedAgain,
    advice_on,
    loss_of,
    rows_digest,
    settings_in,
    third_of,
)
from tradebot.app.report import SLACK_MS, Told
from tradebot.app.whatif import (
    PlayedFigures,
    Recording,
    config_then,
    play_again,
    recording_of,
    settings_of,
)
from tradebot.config import Config
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.core.model.values import DAY_MS, Bar
from tradebot.disk import private_directory, write_text
from tradebot.journal.paths import REPORTS
from tradebot.journal.reader import Reader
from tradebot.journal.view import SignalRow
from tradebot.reports.advice.gather import SignalKey, refused_entries
from tradebot.reports.advice.modelled import FillModel, beside_model
from tradebot.reports.advice.settings import RunSettings
from tradebot.reports.monthly.document import seed_of
from tradebot.reports.monthly.period import month_of
from tradebot.reports.monthly.rows import SIMULATED
from tradebot.reports.monthly.value import AdviceText, BesideModel


class Advisor:
    """Says what to change on the reports of one journal."""

    def __init__(
        self, reader: Reader, config: Config, tell: Callable[[float], None] = lambda _: None
    ) -> None:
        self._reader = reader
        self._tell = tell
        self._config = config
        self._recordings: dict[str, Recording] = {}
        self._unchanged: dict[tuple[str, int, int], PlayedFigures] = {}

    def advised(self, told: Told) -> Told:
        """Return the report with its advice and its fills beside the model: kept from before if it is a month that is over, else made now."""
        path = self._place(told)
        digest = rows_digest(told.report)
        kept = _kept(path, digest)
        if kept is None:
            kept = Later(self._made(told), self._beside_model(told))
            if path is not None:
                _keep(path, digest, kept)
        return replace(
            told, report=replace(told.report, advice=kept.advice, beside_model=kept.beside_model)
        )

    def _place(self, told: Told) -> Path | None:
        """Return the file the advice of a month that is over is kept in, whenever its runs began; None for another time."""
        period, report = told.period, told.report
        if report.ended < report.last - SLACK_MS or month_of(period.first) != period:
            return None
        folder = self._config.data_dir() / REPORTS
        return folder / f"{period.code}-{report.mode}.advice.json"

    def _made(self, told: Told) -> AdviceText:
        third = third_of(told.report)
        signals = self._signals(told, third)
        return advice_on(
            AdviceCase(
                told.trades,
                third,
                {key: row.confidence for key, row in signals.items()},
                refused_entries(r for r in signals.values() if told.period.holds(r.time)),
                self._bars(told, told.period.first, third),
                seed_of(told.report),
                lambda change: self._play_all(change, told, (third, told.period.last)),
                loss_of(told.report),
                self._fill_model(told),
                self._settings(told),
            ),
            self._tell,
        )

    def _beside_model(self, told: Told) -> BesideModel | None:
        """Return how an exchange's fills were beside the simulation's; None where the simulation made them itself."""
        if told.report.venue in SIMULATED:
            return None
        model = self._fill_model(told)
        if model is None:
            why = "this version cannot read the configuration it ran with"
            return BesideModel(trades=len(told.trades), why=why)
        first = min((trade.entry_time for trade in told.trades), default=told.period.first)
        bars = self._bars(told, first - DAY_MS, told.period.last + DAY_MS)
        return beside_model(told.trades, model, bars)

    def _fill_model(self, told: Told) -> FillModel | None:
        """Return how the simulation fills, by the newest run's configuration; None where it made the fills itself."""
        if told.report.venue in SIMULATED:
            return None
        try:
            sim = config_then(self._reader.run(told.runs[-1])).sim
        except JournalError:
            return None
        return FillModel(float(sim.spread_bps), float(sim.impact))

    def _settings(self, told: Told) -> RunSettings | None:
        """Return what the newest run was told; None where it or its strategy cannot be read any more."""
        try:
            return settings_in(*settings_of(self._reader.run(told.runs[-1]), self._config))
        except TradebotError:
            return None

    def _signals(self, told: Told, until: int) -> dict[SignalKey, SignalRow]:
        """Return the signals before a moment by run and id."""
        return {
            (run, row.id): row
            for run in told.runs
            for row in self._reader.signals(run)
            if row.time < until
        }

    def _bars(self, told: Told, first: int, until: int) -> Iterator[Bar]:
        """Yield the bars from a moment up to another (UTC ms). Advice stops at its third: what came later chose nothing."""
        for run in told.runs:
            for bar in self._reader.stream_bars(run):
                if bar.open_time + bar.interval > until:
                    break
                if bar.open_time >= first:
                    yield bar

    def _play_all(self, change: Adjustment, told: Told, stretch: tuple[int, int]) -> PlayedAgain:
        """Play every run of the report again with the change, and add up the last third: a ``stretch`` of UTC ms."""
        whole = PlayedAgain()
        for name in told.runs:
            changed = self._play(name, change, stretch)
            whole = PlayedAgain(
                whole.as_it_is + self._as_it_is(name, stretch).pnl,
                whole.changed + changed.pnl,
                whole.trades + changed.trades,
            )
        return whole

    def _as_it_is(self, name: str, stretch: tuple[int, int]) -> PlayedFigures:
        """Return what a run's bars come to without a change: played once, however many changes there are."""
        key = (name, *stretch)
        if key not in self._unchanged:
            self._unchanged[key] = self._play(name, None, stretch)
        return self._unchanged[key]

    def _play(
        self, name: str, change: Adjustment | None, stretch: tuple[int, int]
    ) -> PlayedFigures:
        if name not in self._recordings:  # whoever looks which symbols are in it reads all of it
            self._recordings[name] = recording_of(self._reader.path, self._reader.run(name))
        config, spec = settings_of(self._reader.run(name), self._config)
        return play_again(config, spec, self._recordings[name], change, stretch)


# -- what is kept ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Later:
    """What is made of a report once, while what its runs saw is still there."""

    advice: AdviceText
    beside_model: BesideModel | None


MOST_KEPT = 20
"""Reports on one month of one mode, of other markets or single runs, whose advice is kept: the newest."""


def _kept(path: Path | None, digest: str) -> Later | None:
    """Return what was made of these very rows before; None where there is none to be read."""
    if path is None:
        return None
    try:
        kept: Any = _entries(path)[digest]
        beside = kept["beside_model"]
        return Later(
            AdviceText(tuple(map(str, kept["lines"])), dict(kept["data"])),
            None if beside is None else BesideModel(**beside),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _entries(path: Path) -> dict[str, Any]:
    """Return all that is kept in a file by the rows it is of, the oldest first; nothing where it cannot be read."""
    try:
        kept: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {
        key: value for key, value in kept.items() if isinstance(value, dict) and "lines" in value
    }


def _keep(path: Path, digest: str, made: Later) -> None:
    """Keep what was made beside what is kept of other rows."""
    private_directory(path.parent)
    kept = _entries(path)
    kept.pop(digest, None)
    kept[digest] = {
        "version": __version__,
        "lines": list(made.advice.lines),
        "data": made.advice.data,
        "beside_model": None if made.beside_model is None else asdict(made.beside_model),
    }
    newest = dict(list(kept.items())[-MOST_KEPT:])
    write_text(path, json.dumps(newest, indent=1) + "\n")


__all__ = ["Advisor"]
