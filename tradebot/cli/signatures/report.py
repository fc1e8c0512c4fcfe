"""Signature of ``report``."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, ReportOptions, parse_duration, parse_time


def report(
    month: arg.Month = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From this time on (UTC).")
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Up to, not including, this time (UTC)."),
    ] = None,
    newest: Annotated[
        str | None,
        typer.Option("--last", metavar="TIME", help="The last 30d, 12w ... of the journal."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", metavar="MODE", help="paper, ghost or live (default: the newest's)."
        ),
    ] = None,
    run: arg.Run = None,
    html: arg.ReportHtml = None,
    csv: arg.ReportCsv = None,
    benchmark: arg.Benchmark = None,
    no_advice: arg.NoAdvice = False,
    due: Annotated[
        bool,
        typer.Option(
            "--due", help="Write the reports on whole months that are missing, and no more."
        ),
    ] = False,
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
