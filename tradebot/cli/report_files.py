"""What a report becomes: text for the terminal, a page, a document, tables; the same of a journal's run and of a backtest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tradebot.app.report import Told, made_line
from tradebot.cli.output import Result
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.disk import check_target, write_text
from tradebot.journal.reader import Reader
from tradebot.reports.archive import NOTE, tables, write_csv
from tradebot.reports.monthly.benchmark_file import read_benchmark
from tradebot.reports.monthly.comparison import Benchmark
from tradebot.reports.monthly.document import document


def check_targets(html: Path | None, csv: Path | None) -> None:
    """Raise UsageError where a page or tables cannot be written: better before the work than after it."""
    if html is not None:
        check_target(html)
    if csv is not None:
        _check_folder(csv)


def _check_folder(folder: Path) -> None:
    try:
        there = folder.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or can be none
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot be used: {why}", hint="--csv DIR", file=str(folder)) from None
    if there and not folder.is_dir():
        raise UsageError("is no directory", hint="--csv DIR", file=str(folder))
    if not there and not folder.parent.is_dir():
        raise UsageError(
            "lies in a directory that does not exist",
            hint=f"make {folder.parent} first",
            file=str(folder),
        )


def read_benchmarks(wanted: Iterable[str], config: Config) -> list[Benchmark]:
    """Return the benchmarks that are wished for and those of the configuration, each once."""
    return [read_benchmark(told) for told in dict.fromkeys((*wanted, *configured(config)))]


def configured(config: Config) -> list[str]:
    """Return the configuration's benchmarks; those that stand in its file are relative to it."""
    told = config.report.benchmarks
    if config.origin("report.benchmarks").kind != "file":
        return list(told)
    return [str(config.base_dir / one) for one in told]


def readable_benchmarks(config: Config) -> tuple[list[Benchmark], list[str]]:
    """Return the configuration's benchmarks, and why any of them cannot be read: what nobody waits for is written without it."""
    found, missing = [], []
    for told in configured(config):
        try:
            found.append(read_benchmark(told))
        except TradebotError as error:
            missing.append(f"without a benchmark: {error}")
    return found, missing


def exported(reader: Reader, told: Told, folder: Path | None) -> dict[str, int]:
    """Write every table into a folder; return how many rows each has."""
    if folder is None:
        return {}
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise TradebotError(
            f"cannot be made: {error.strerror}", hint="--csv DIR", file=str(folder)
        ) from error
    return {
        name: write_csv(columns, rows, folder / f"{name}.csv")
        for name, columns, rows in tables(reader, told.runs, told.period)
    }


def report_result(
    told: Told,
    *,
    as_json: bool,
    html: Path | None = None,
    csv: tuple[Path | None, dict[str, int]] = (None, {}),
    warnings: Sequence[str] = (),
) -> Result:
    """Return a report as an answer; the page is written. ``csv`` are a folder and the rows in it, ``warnings`` stand on the page."""
    data: dict[str, Any] = {"report": document(told.report)}
    parts = [] if as_json else [_text(told, data["report"]["hash"])]
    if html is not None:
        from tradebot.reports.monthly.page import report_page

        digest = data["report"]["hash"]
        page = report_page(
            told.report, told.trades, digest=digest, made=made_line(), warnings=warnings
        )
        write_text(html, page)
        data["html"] = str(html)
        parts.append(f"\nwrote {html}")
    folder, rows = csv
    if folder is not None:
        data["csv"] = {"dir": str(folder), "rows": rows, "note": NOTE}
        parts.append(f"wrote {len(rows)} tables to {folder}. {NOTE}")
    return Result("report", data, text="\n".join(parts))


def _text(told: Told, digest: str) -> str:
    from tradebot.cli.report_text import report_text

    return report_text(told.report, digest)


__all__ = [
    *("check_targets", "exported", "read_benchmarks", "readable_benchmarks"),
    "report_result",
]
