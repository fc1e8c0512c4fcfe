"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from tradebot.core.model.text import escaped

GENERAL = "Everywhere"


def _begins(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what the shell asks for completions of a word that has been begun."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def _timeframes(incomplete: str) -> list[str]:
    from tradebot.core.strategy.resample import TIMEFRAMES

    return [name for name in TIMEFRAMES if name.startswith(incomplete)]


def _strategies(incomplete: str) -> list[str]:
    from tradebot.plugins.strategies import list_strategies

    return [info.name for info in list_strategies() if info.name.startswith(incomplete)]


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Configuration file.", rich_help_panel=GENERAL
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Directory of journal and lock.", rich_help_panel=GENERAL
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel=GENERAL)
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a config key; repeatable.", rich_help_panel=GENERAL
    ),
]

Symbols = Annotated[
    str | None,
    typer.Option("--symbols", metavar="LIST", help="Comma separated: BTC/USDT,ETH/USDT."),
]
Timeframe = Annotated[
    str | None,
    typer.Option(
        "--timeframe",
        metavar="TF",
        help="Bars of the strategy: 1m, 5m, 1h, ...",
        autocompletion=_timeframes,
    ),
]
StrategyName = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="A strategy's name, or FILE.py:CLASS.",
        autocompletion=_strategies,
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="K=V", help="Set a strategy parameter; repeatable."),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Risk profile: paper, live or bench.",
        autocompletion=_begins(("paper", "live", "bench")),
    ),
]
MarketSource = Annotated[
    str | None,
    typer.Option(
        "--market",
        metavar="NAME",
        help="Prices without files: sim or binance.",
        autocompletion=_begins(("sim", "binance")),
    ),
]
Venue = Annotated[
    str | None,
    typer.Option(
        "--venue",
        metavar="NAME",
        help="Where orders go: local (simulated) or demo (Binance's Demo Trading).",
        autocompletion=_begins(("local", "demo")),
    ),
]
Speed = Annotated[
    str | None,
    typer.Option("--speed", metavar="N", help="Market minutes per wall minute, or max."),
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Stop after this much market time: 90m, 24h, 7d."),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Seed of the embedded market."),
]
Headless = Annotated[bool, typer.Option("--headless", help="No screen: log lines and a summary.")]
New = Annotated[bool, typer.Option("--new", help="Start a new run, not the interrupted one.")]

Run = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="ID",
        parser=escaped,
        help="A run, such as paper-0007; default: the newest.",
    ),
]
Symbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="NAME", parser=escaped, help="Only this symbol."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Only from this time on (ISO-8601, UTC)."),
]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write them as CSV, times UTC; - is stdout."),
]
Month = Annotated[
    str | None,
    typer.Option("--month", metavar="YYYY-MM", help="Only this calendar month (UTC)."),
]
ReportFrom = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From this time on (UTC).")
]
ReportTo = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Up to, not including, this time (UTC)."),
]
Newest = Annotated[
    str | None,
    typer.Option("--last", metavar="TIME", help="The last 30d, 12w ... of the journal."),
]
Mode = Annotated[
    str | None,
    typer.Option("--mode", metavar="MODE", help="paper, ghost or live (default: the newest's)."),
]
Due = Annotated[
    bool,
    typer.Option("--due", help="Write the reports on whole months that are missing, and no more."),
]
ReportHtml = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
]
ReportCsv = Annotated[
    Path | None,
    typer.Option(
        "--csv", metavar="DIR", help="Write all tables, and what was realised, as CSV files."
    ),
]
Benchmark = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmark", metavar="FILE[:NAME]", help="Daily values to compare with; repeatable."
    ),
]
NoAdvice = Annotated[bool, typer.Option("--no-advice", help="Say nothing about what to change.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", metavar="N", min=1, help="At most the newest N rows."),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", parser=escaped, help="Why; goes on record.")
]
Review = Annotated[
    Path | None,
    typer.Option("--review", metavar="FILE", help="The written review a week's loss needs."),
]
Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to wait for the engine: 30, 10m.")
]
CloseWait = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="TIME",
        show_default="10m for an account, 30 for simulated runs",
        help="How long to go on trying: 30, 10m, 2h.",
    ),
]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="The account at the exchange: demo or live."),
]
Paper = Annotated[bool, typer.Option("--paper", help="Simulated runs, whatever is configured.")]
Who = Annotated[str, typer.Option("--who", help="The name that goes on record.", hidden=True)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and show what would be done; send nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
