"""``report``: which runs and which time it is about, read from the journal; and the reports that are due."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tradebot import __version__
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.times import iso
from tradebot.disk import private_directory, write_text
from tradebot.journal.paths import REPORTS
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.bridge import closed_in
from tradebot.reports.monthly.comparison import Benchmark
from tradebot.reports.monthly.document import document
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.page import report_page
from tradebot.reports.monthly.period import Period, month_named, month_of
from tradebot.reports.monthly.rows import chain, newest_month, record_of, spans_of, world_of
from tradebot.reports.monthly.value import Report

SLACK_MS = 60_000
"""A curve that ends so short before a month's end has all of it."""


@dataclass(frozen=True, slots=True)
class ReportWish:
    """What is to be reported: a month, or a time (UTC ms), or the last so many ms; of a mode, or one run.

    Nothing given: the newest whole month of the newest mode.
    """

    month: str | None = None
    first: int | None = None
    last: int | None = None
    last_ms: int | None = None
    mode: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A report with what belongs to it: the period, the runs and the trades it is about; ``months`` are all there are."""

    report: Report
    period: Period
    runs: Sequence[str]
    trades: Sequence[TradeRow]
    months: Sequence[Period] = ()


def read_report(reader: Reader, wish: ReportWish, benchmarks: Sequence[Benchmark] = ()) -> Told:
    """Return the report that is wished for; UsageError or JournalError where there is nothing to report."""
    runs = _runs(reader, wish)
    spans = spans_of(reader, runs)
    if not spans:
        raise JournalError(
            "there is nothing to report yet: no run has a curve",
            hint="run tradebot paper first",
            file=str(reader.path),
        )
    newest = next(run for run in runs if run.id in spans)
    kept, left = chain([run for run in runs if world_of(run) == world_of(newest)], spans)
    period = period_of(wish, [spans[run.id] for run in kept])
    told = _told(reader, kept, spans, period, benchmarks, _left_out(left, spans, period))
    if told is None:
        raise _nothing(newest, period, [spans[run.id] for run in kept])
    return replace(told, months=_all_months([spans[run.id] for run in kept]))


def _runs(reader: Reader, wish: ReportWish) -> list[RunRow]:
    if wish.run is not None:
        return [reader.run(wish.run)]
    runs = [run for run in reader.runs() if wish.mode in (None, run.mode)]
    if not runs and wish.mode is not None and reader.runs():
        modes = ", ".join(sorted({run.mode for run in reader.runs()}))
        raise UsageError(
            f"there is no run of mode {wish.mode}", hint=f"the journal has {modes}", key="--mode"
        )
    return runs


def period_of(wish: ReportWish, spans: Sequence[tuple[int, int]]) -> Period:
    """Return the time wished for, of runs with these first and last moments (UTC ms); UsageError if it is none."""
    if sum(1 for given in (wish.month, wish.last_ms, wish.first or wish.last) if given) > 1:
        raise UsageError(
            "--month, --last and --from with --to are three ways to say one thing",
            hint="give one of them",
        )
    if wish.month is not None:
        return month_named(wish.month)
    end = max(last for _, last in spans) + 1
    if wish.last_ms is not None:
        return Period(end - wish.last_ms, end)
    if wish.first is None and wish.last is None:
        return newest_month(spans)
    first = min(first for first, _ in spans) if wish.first is None else wish.first
    last = end if wish.last is None else wish.last
    if last <= first:
        raise UsageError(
            f"--to {iso(last)} is not after --from {iso(first)}",
            hint="give a later --to",
            key="--to",
        )
    return Period(first, last)


def _told(
    reader: Reader,
    kept: Sequence[RunRow],
    spans: dict[str, tuple[int, int]],
    period: Period,
    benchmarks: Sequence[Benchmark] = (),
    notes: Sequence[str] = (),
) -> Told | None:
    """Return the report on a chain of runs over a period; None where none of them has anything in it."""
    inside = [
        run for run in kept if spans[run.id][0] < period.last and spans[run.id][1] >= period.first
    ]
    if not inside:
        return None
    before = [run for run in kept if spans[run.id][0] < period.last]
    records = [record_of(reader, run, period) for run in before]
    report = report_of(records, period, benchmarks, notes)
    names = [run.id for run in inside]
    trades = [t for record in records if record.run in names for t in closed_in(record, period)]
    return Told(report, period, names, trades)


def _left_out(
    left: Sequence[RunRow], spans: dict[str, tuple[int, int]], period: Period
) -> list[str]:
    names = [
        run.id
        for run in left
        if spans[run.id][0] < period.last and spans[run.id][1] >= period.first
    ]
    if not names:
        return []
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return [f"Left out, since newer runs are of the same time: {shown}. --run reports one of them."]


def _nothing(newest: RunRow, period: Period, spans: Sequence[tuple[int, int]]) -> UsageError:
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    known = f"its runs are from {iso(first)[:10]} to {iso(last)[:10]}"
    return UsageError(f"{newest.mode} has nothing in {period.name}", hint=known)


# -- what is due --------------------------------------------------------------------------------------------


def due_reports(
    reader: Reader,
    data_dir: Path,
    clock: Clock = SYSTEM,
    advised: Callable[[Told], Told] | None = None,
    benchmarks: Sequence[Benchmark] = (),
) -> list[Path]:
    """Write the reports on whole months that are missing in the data directory; return the pages' paths.

    A month is due when the curve goes on behind it, or ends with it; each as a page and as JSON. ``advised`` adds what to change.
    """
    written: list[Path] = []
    runs = reader.runs()
    spans = spans_of(reader, runs)
    taken: set[str] = set()
    for world in dict.fromkeys(world_of(run) for run in runs if run.id in spans):
        mode = world[0]
        name = mode if mode not in taken else f"{mode}-{world[2].lower().replace(' ', '-')}"
        taken.add(mode)
        kept, _ = chain([run for run in runs if world_of(run) == world], spans)
        for month in _months(kept, spans):
            path = data_dir / REPORTS / f"{month.code}-{name}.html"
            if path.exists() and path.with_suffix(".json").exists():
                continue
            told = _told(reader, kept, spans, month, benchmarks)
            if told is not None:
                told = told if advised is None else advised(told)
                _write(told, path, clock)
                written.append(path)
    return written


def _all_months(spans: Sequence[tuple[int, int]]) -> list[Period]:
    """Return the months with anything of runs with these first and last moments (UTC ms) in them."""
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    months, month = [], month_of(first)
    while month.first < last:
        if any(a < month.last and b > month.first for a, b in spans):
            months.append(month)
        month = month_of(month.last)
    return months


def export_path(told: Told, data_dir: Path) -> Path:
    """Return where a month's page is written in the data directory.

    One that is not over has ``so-far`` in its name: what is due will be written beside it.
    """
    report = told.report
    more = "-so-far" if report.ended < report.last - SLACK_MS else ""
    return data_dir / REPORTS / f"{told.period.code}-{report.mode}{more}.html"


def _months(kept: Sequence[RunRow], spans: dict[str, tuple[int, int]]) -> list[Period]:
    """Return the months that are over of a chain of runs."""
    first, last = min(spans[r.id][0] for r in kept), max(spans[r.id][1] for r in kept)
    months, month = [], month_of(first)
    while month.last <= last + SLACK_MS:
        months.append(month)
        month = month_of(month.last)
    return months


def _write(told: Told, path: Path, clock: Clock) -> None:
    private_directory(path.parent)
    data = document(told.report)
    write_text(path.with_suffix(".json"), json.dumps(data, indent=1) + "\n")
    made = made_line(clock)
    write_text(path, report_page(told.report, told.trades, digest=data["hash"], made=made))


def made_line(clock: Clock = SYSTEM) -> str:
    """Return when and by what a page was made."""
    return f"Made at {iso(clock.wall_ms())[:19]}Z by tradebot {__version__}."


__all__ = [
    "SLACK_MS",
    "ReportWish",
    "Told",
    "due_reports",
    "export_path",
    "made_line",
    "period_of",
    "read_report",
]
