"""``report``: what a month was worth, on the terminal, as a page, as JSON and as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tradebot.app.database import database
from tradebot.app.report import ReportWish, Told, due_reports, read_report
from tradebot.cli.options import ReportOptions
from tradebot.cli.output import Result, show
from tradebot.cli.report_files import (
    check_targets,
    exported,
    read_benchmarks,
    readable_benchmarks,
    report_result,
)
from tradebot.cli.settings import read_config
from tradebot.cli.working import working
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import exact
from tradebot.journal.reader import Reader

MODES = ("paper", "ghost", "live")


def report(options: ReportOptions) -> int:
    """Answer ``report``; returns the exit code."""
    config = read_config(options.common)
    if options.due:
        _check_alone(options)
        return _due(options, config)
    if options.mode not in (None, *MODES):
        raise UsageError(
            f'"{options.mode}" is no mode', hint=f"one of {', '.join(MODES)}", key="--mode"
        )
    check_targets(options.html, options.csv)
    benchmarks = read_benchmarks(options.benchmarks, config)
    wish = ReportWish(
        *(options.month, options.first, options.last, options.last_ms, options.mode, options.run)
    )
    with Reader(database(config)) as reader, reader.moment(), exact():
        told = read_report(reader, wish, benchmarks)
        if options.advice:
            with working(options.common, "what to change") as tell:
                told = _advised(reader, config, tell)(told)
        files = exported(reader, told, options.csv)
    result = report_result(
        told,
        as_json=options.common.json,
        html=options.html,
        csv=(options.csv, files),
    )
    return show(replace(result, warnings=list(_warnings(told))), as_json=options.common.json)


def _check_alone(options: ReportOptions) -> None:
    """Raise UsageError where ``--due`` came with what it would pass over in silence."""
    given = {
        "--month": options.month,
        "--from": options.first,
        "--to": options.last,
        "--last": options.last_ms,
        "--mode": options.mode,
        "--run": options.run,
        "--html": options.html,
        "--csv": options.csv,
        "--benchmark": options.benchmarks or None,
    }
    found = [name for name, value in given.items() if value is not None]
    if found:
        raise UsageError(
            f"--due writes every whole month that is missing, and takes no {', '.join(found)}",
            hint="leave one of them out; [report] benchmarks stand beside what is due",
        )


def _due(options: ReportOptions, config: Config) -> int:
    with Reader(database(config)) as reader, exact(), working(options.common, "reports") as tell:
        advised = _advised(reader, config, tell) if options.advice else None
        benchmarks, missing = readable_benchmarks(config)
        written = due_reports(reader, config.data_dir(), advised=advised, benchmarks=benchmarks)
    text = "\n".join(f"wrote {path}" for path in written) or "No report is due."
    return show(
        Result(
            "report",
            {"due": [str(path) for path in written]},
            missing if written else (),
            text=text,
        ),
        as_json=options.common.json,
    )


def _advised(
    reader: Reader, config: Config, tell: Callable[[float], None]
) -> Callable[[Told], Told]:
    """Return what adds to a report what should be changed: it can play runs again, and is loaded for that alone."""
    from tradebot.app.advisor import Advisor

    return Advisor(reader, config, tell).advised


def _warnings(told: Told) -> Iterator[str]:
    if told.report.partial:
        yield "the journal has only a part of this time"
    if told.report.head.small:
        yield f"{told.report.head.trades} closed trades are a small sample: nothing follows from it"


__all__ = ["report"]
