"""``report``: what a month was worth, on the terminal, as a page, as JSON and as CSV files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradebot.app.advisor import Advisor
from tradebot.app.report import ReportWish, Told, due_reports, made_line, read_report
from tradebot.app.standing import database
from tradebot.cli.options import Common, ReportOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import exact
from tradebot.disk import check_target, write_text
from tradebot.journal.reader import Reader
from tradebot.reports.archive import NOTE, tables, write_csv
from tradebot.reports.monthly.benchmark_file import read_benchmark
from tradebot.reports.monthly.document import document


@contextmanager
def working(common: Common, what: str) -> Iterator[None]:
    """Show on a terminal's stderr that something is being done; elsewhere nothing."""
    if common.json or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield


MODES = ("paper", "ghost", "live")


def report(options: ReportOptions) -> int:
    """Answer ``report``; returns the exit code."""
    config = read_config(options.common)
    if options.due:
        return _due(options, config)
    if options.mode not in (None, *MODES):
        raise UsageError(
            f'"{options.mode}" is no mode', hint=f"one of {', '.join(MODES)}", key="--mode"
        )
    if options.html is not None:
        check_target(options.html)
    if options.csv is not None:
        _check_folder(options.csv)
    wanted = (*options.benchmarks, *config.report.benchmarks)
    benchmarks = [read_benchmark(told) for told in dict.fromkeys(wanted)]
    wish = ReportWish(
        *(options.month, options.first, options.last, options.last_ms, options.mode, options.run)
    )
    with Reader(database(config)) as reader, reader.moment(), exact():
        told = read_report(reader, wish, benchmarks)
        if options.advice:
            with working(options.common, "what to change"):
                told = Advisor(reader, config).advised(told)
        files = _export(reader, told, options.csv)
    return show(_result(told, files, options), as_json=options.common.json)


def _due(options: ReportOptions, config: Config) -> int:
    with Reader(database(config)) as reader, exact():
        advised = Advisor(reader, config).advised if options.advice else None
        written = due_reports(reader, config.data_dir(), advised=advised)
    text = "\n".join(f"wrote {path}" for path in written) or "No report is due."
    return show(
        Result("report", {"due": [str(path) for path in written]}, text=text),
        as_json=options.common.json,
    )


def _result(told: Told, files: dict[str, int], options: ReportOptions) -> Result:
    data: dict[str, Any] = {"report": document(told.report)}
    text = None
    if not options.common.json:
        from tradebot.cli.report_text import report_text

        text = report_text(told.report)
    if options.html is not None:
        from tradebot.reports.monthly.page import report_page

        digest = data["report"]["hash"]
        page = report_page(told.report, told.trades, digest=digest, made=made_line())
        write_text(options.html, page)
        data["html"] = str(options.html)
        text = f"{text}\n\nwrote {options.html}"
    if options.csv is not None:
        data["csv"] = {"dir": str(options.csv), "rows": files}
        text = f"{text}\nwrote {len(files)} tables to {options.csv}. {NOTE}"
    return Result("report", data, list(_warnings(told)), text=text)


def _warnings(told: Told) -> Iterator[str]:
    if told.report.partial:
        yield "the journal has only a part of this time"
    if told.report.head.small:
        yield f"{told.report.head.trades} closed trades are a small sample: nothing follows from it"


def _export(reader: Reader, told: Told, folder: Path | None) -> dict[str, int]:
    """Write every table into a folder; return how many rows each has."""
    if folder is None:
        return {}
    folder.mkdir(exist_ok=True)
    return {
        name: write_csv(columns, rows, folder / f"{name}.csv")
        for name, columns, rows in tables(reader, told.runs, told.period)
    }


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no directory", hint="--csv DIR", file=str(folder))
    if not folder.exists() and not folder.parent.is_dir():
        raise UsageError(
            "lies in a directory that does not exist",
            hint=f"make {folder.parent} first",
            file=str(folder),
        )


__all__ = ["report"]
