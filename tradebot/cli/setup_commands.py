"""``init``, ``doctor`` and ``lookahead``: before a run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from tradebot.app.build import timeframe_of
from tradebot.app.doctor import examine
from tradebot.app.finding import Row
from tradebot.app.lookahead import LookaheadFinding, LookaheadVerdict, check_lookahead
from tradebot.app.prices import open_data
from tradebot.cli.findings import wrapped
from tradebot.cli.options import Common, InitOptions, RunOptions, parse_symbols
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.streams import say
from tradebot.config import Config, load_config
from tradebot.config.load import FILE_NAME
from tradebot.config.model import written
from tradebot.config.template import filled
from tradebot.core.model.errors import ConfigError, StrategyError, TradebotError, UsageError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.disk import write_text
from tradebot.plugins.aside import prints_aside
from tradebot.plugins.strategies import ParamInfo, describe, list_strategies, load_strategy

Answer = TypeVar("Answer")

# -- init -------------------------------------------------------------------------------------------


def init(options: InitOptions) -> int:
    """Write a commented bot.toml; on a terminal ask for what no flag says."""
    target = options.common.config or Path(FILE_NAME)
    if target.exists() and not options.force:
        raise UsageError(
            "there is one already, and it was left as it is",
            hint="--force replaces it; `tradebot config check` judges it",
            file=str(target),
        )
    asking = options.asking and sys.stdin.isatty() and sys.stdout.isatty()
    values = _asked(options, target) if asking else _given(options)
    text = filled(values, _param_lines(str(values["strategy.name"]), target.parent))
    _check(text)
    _write(target, text)
    return show(_written_result(target, values), as_json=options.common.json)


def _given(options: InitOptions) -> dict[str, Any]:
    """Return the keys to set: those of the flags, else the defaults a newcomer will look for first."""
    default = Config()
    values: dict[str, Any] = {
        "market.symbols": list(options.symbols or default.market.symbols),
        "strategy.name": options.strategy or default.strategy.name,
        "sim.start_equity": _number(options.start_equity or plain(default.sim.start_equity)),
    }
    if options.common.data_dir is not None:
        values["data.dir"] = str(options.common.data_dir.absolute())
    return values


def _number(text: str) -> Any:
    """Return the equity as a number for TOML; ConfigError for what is none."""
    return _config_of({"sim.start_equity": text}).sim.start_equity


def _config_of(flags: dict[str, Any]) -> Config:
    """Return the defaults with these keys, judged as flags are, whatever files there are."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / FILE_NAME
        empty.touch()
        return load_config(empty, {}, (), flags)


def _asked(options: InitOptions, target: Path) -> dict[str, Any]:
    """Ask for what no flag says; enter takes the default."""
    values = _given(options)
    typer.echo(f"A few questions for {target}; enter takes what stands in brackets.")
    if options.symbols is None:
        values["market.symbols"] = _ask("Symbols", values["market.symbols"], _symbols)
    if options.strategy is None:
        for info in list_strategies():
            typer.echo(f"  {info.name:<14} {info.summary}")
        values["strategy.name"] = _ask(
            "Strategy", values["strategy.name"], lambda text: _strategy(text, target.parent)
        )
    if options.start_equity is None:
        values["sim.start_equity"] = _ask(
            "Start equity on paper, USDT", values["sim.start_equity"], _number
        )
    return values


def _ask(question: str, default: Any, read: Callable[[str], Any]) -> Any:
    """Ask until the answer can be used, saying what is wrong with the others."""
    shown = ",".join(default) if isinstance(default, list) else str(default)
    while True:
        try:
            return read(typer.prompt(question, default=shown))
        except TradebotError as error:
            typer.echo(f"  {error.message}" + (f" ({error.hint})" if error.hint else ""), err=True)


def _symbols(text: str) -> list[str]:
    return list(_config_of({"market.symbols": parse_symbols(text)}).market.symbols)


def _strategy(text: str, folder: Path) -> str:
    load_strategy(text, folder)
    return text


def _param_lines(name: str, folder: Path) -> list[str]:
    """Return the strategy's parameters as comments: each with its words, bounds and default."""
    load_strategy(name, folder)
    known = {info.name: info for info in list_strategies()}
    info = known.get(name) or describe(name, "file", name, folder)
    lines = [f"# {info.name}: {info.summary}".replace("``", "")]
    for param in info.params:
        lines += _param(param)
    return lines


def _param(param: ParamInfo) -> list[str]:
    bounds = f" ({param.bounds})" if param.bounds else ""
    about = f"{param.description}{bounds}".strip()
    default = param.default
    plain_value = isinstance(default, bool | int | str | list | tuple)
    value = written(default) if plain_value else str(default)
    return [*([f"# {about}"] if about else []), f"#{param.name} = {value}"]


def _check(text: str) -> None:
    """Raise ConfigError where the new file would not load; nothing is written then."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / FILE_NAME
        draft.write_text(text, encoding="utf-8")
        try:
            load_config(draft, {})
        except ConfigError as error:
            raise ConfigError(error.message, key=error.key, hint=error.hint) from None


def _write(target: Path, text: str) -> None:
    """Write the file whole or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}",
            file=str(target),
            hint="choose another place with --config",
        ) from None
    write_text(target, text)


def _written_result(target: Path, values: dict[str, Any]) -> Result:
    chosen = ", ".join(f"{key} = {written(value)}" for key, value in values.items())
    lines = [f"wrote {target}", f"  {chosen}", "next: tradebot doctor, then tradebot paper"]
    return Result("init", {"file": target.absolute(), "set": values}, text="\n".join(lines))


# -- doctor -----------------------------------------------------------------------------------------

PIPE_WIDTH = 110

TINTS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(common: Common, *, offline: bool) -> int:
    """Look at everything a run needs; exit code 1 when anything fails."""
    rows = examine(lambda: read_config(common, hint=False), os.environ, offline=offline, told=say)
    bad = [row for row in rows if row.status == "fail"]
    error = None
    if bad:
        names = ", ".join(dict.fromkeys(row.check for row in bad))
        error = TradebotError(f"not fit to trade: {names}", hint=bad[0].hint)
    data = {"doctor": [row.document() for row in rows]}
    return show(Result("doctor", data, text=_report(rows), error=error), as_json=common.json)


def _report(rows: list[Row]) -> str:
    """Return a line or more per check, the way out below it."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    width = max(len(row.check) for row in rows)
    lines = []
    for row in rows:
        first, *more = wrapped(f"{'':<4}  {row.check:<{width}}  ", row.detail, columns)
        bold = row.status != "ok"
        word = typer.style(f"{row.status:<4}", TINTS[row.status] if coloured else None, bold=bold)
        lines += [(word if coloured else f"{row.status:<4}") + first[4:], *more]
        if row.hint:
            lines += wrapped(f"{'':<{width + 8}}→ ", row.hint, columns)
    counts = {status: sum(row.status == status for row in rows) for status in TINTS}
    lines.append(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
    return "\n".join(lines)


# -- lookahead --------------------------------------------------------------------------------------


def lookahead(options: RunOptions) -> int:
    """Check that a strategy says the same whether or not the data goes on."""
    config = read_config(options.common, options.flags())
    chosen = config.strategy
    feed = open_data(options.files, options.symbols)
    with prints_aside():
        verdict = check_lookahead(
            lambda: load_strategy(chosen.name, config.strategy_dir(), chosen.params),
            feed.steps(),
            feed.interval,
            timeframe_of(config, feed.interval),
            options.files,
        )
    return show(_lookahead_result(verdict), as_json=options.common.json)


def _lookahead_result(verdict: LookaheadVerdict) -> Result:
    error = None
    if verdict.findings:
        error = StrategyError(
            f"{verdict.strategy}: its signals cannot be trusted",
            hint="decide from the bars that on_bar was given, kept in self, and nothing else",
        )
    data = {
        "strategy": verdict.strategy,
        "bars": verdict.bars,
        "signals": verdict.signals,
        "cuts": verdict.cuts,
        "lookahead": [_finding(finding) for finding in verdict.findings],
    }
    said = [f"{finding.kind}: {_place(finding)}{finding.text}" for finding in verdict.findings]
    if not verdict.findings:
        seen = f"{verdict.signals} signals on {verdict.bars:,} bars"
        cuts = f"the same with the data cut off in {verdict.cuts} places"
        said = [f"ok: {verdict.strategy} gave {seen}, {cuts}"]
    return Result("lookahead", data, verdict.notes, text="\n".join(said), error=error)


def _finding(finding: LookaheadFinding) -> dict[str, Any]:
    at = None if finding.at is None else iso(finding.at)
    return {"kind": finding.kind, "symbol": finding.symbol, "time": at, "text": finding.text}


def _place(finding: LookaheadFinding) -> str:
    return "" if finding.at is None else f"{finding.symbol} at {iso(finding.at)}: "
