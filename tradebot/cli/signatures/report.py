"""Signature of ``report``."""

from __future__ import annotations

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, ReportOptions, parse_duration, parse_time


def report(
    month: arg.Month = None,
    first: arg.ReportFrom = None,
    last: arg.ReportTo = None,
    newest: arg.Newest = None,
    mode: arg.Mode = None,
    run: arg.Run = None,
    html: arg.ReportHtml = None,
    csv: arg.ReportCsv = None,
    benchmark: arg.Benchmark = None,
    no_advice: arg.NoAdvice = False,
    due: arg.Due = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Report what a month was worth after all costs, and where it came from."""
    from tradebot.cli import report_command

    options = ReportOptions(
        Common(config, data_dir, as_json),
        month,
        parse_time(first),
        parse_time(last),
        parse_duration(newest),
        mode,
        run,
        html,
        csv,
        tuple(benchmark or ()),
        not no_advice,
        due,
    )
    raise typer.Exit(report_command.report(options))
