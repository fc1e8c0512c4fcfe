"""``live``: the checklist, the word, and then the same run as paper's, with real orders."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import typer

from tradebot.app.checklist import Checklist, go_through, need_access
from tradebot.app.live_checks import STAGE
from tradebot.app.permission import TOKEN_MS, Terms, issue_token
from tradebot.cli.backtest_command import chosen_strategy
from tradebot.cli.findings import wrapped
from tradebot.cli.options import LiveOptions, RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import (
    ConfigError,
    ExchangeError,
    RefusedError,
    TradebotError,
    UsageError,
)
from tradebot.core.model.money import plain
from tradebot.core.model.values import MINUTE_MS
from tradebot.plugins.strategies import StrategySpec

PIPE_WIDTH = 110
WORDS = {"ok": "ok", "warn": "note", "fail": "FAIL"}
TINTS = {"ok": "green", "warn": "yellow", "fail": "red"}


def live(options: LiveOptions) -> int:
    """Go through the checklist, and trade if it allows that; return the exit code."""
    _refuse_words(options.run)
    config = read_config(options.run.common, options.run.flags())
    _refuse_config(config)
    spec = chosen_strategy(config)
    if options.check:
        return _check(options, config, spec)
    raise RefusedError(
        "live does not start yet: only its checklist is there", hint="tradebot live --check"
    )


def _refuse_words(options: RunOptions) -> None:
    """Refuse what only a run that is no matter of money can be given."""
    given = {
        "FILE": bool(options.files),
        "--market": options.market not in (None, "binance"),
        "--speed": options.speed is not None,
        "--seed": options.seed is not None,
    }
    for word, is_given in given.items():
        if is_given:
            text = "live trades Binance's own prices as they come"
            raise UsageError(text, key=word, hint=f"leave {word} away; `tradebot paper` takes it")


def _refuse_config(config: Config) -> None:
    """Refuse a way of entering that has no protected price."""
    if config.execution.entry == "market":
        raise ConfigError(
            "entries at market have no price to stay within: live refuses them",
            key="execution.entry",
            hint='leave it at "ioc": a limit at a protected price, immediate or cancel',
        )


# -- the check --------------------------------------------------------------------------------------


def _check(options: LiveOptions, config: Config, spec: StrategySpec) -> int:
    found = go_through(config, spec)
    token = None
    if not found.failed:
        access = need_access(config)
        terms = Terms.of(config, spec.hash, access.fingerprint)
        token = issue_token(config.data_dir(), terms)
    data: dict[str, Any] = {
        "checks": found.document(),
        "stage": STAGE,
        "limits": limits_of(config),
        "open": list(found.open),
        "token": token,
    }
    text = "\n".join([*told(found), *_ending(found, token)])
    return show(
        Result("live", data, text=text, error=refusal(found)), as_json=options.run.common.json
    )


def refusal(found: Checklist) -> TradebotError | None:
    """Return why a start is refused; None where every line is ok."""
    if not found.failed:
        return None
    names = ", ".join(dict.fromkeys(row.check for row in found.failed))
    kind = ExchangeError if found.is_away else RefusedError
    return kind(f"not fit for real money: {names}", hint=found.failed[0].hint)


def limits_of(config: Config) -> dict[str, str]:
    """Return the live limits as texts, by their keys."""
    limits = config.risk.live.limits()
    names = (
        "position_value",
        "trade_loss",
        "day_loss",
        "week_loss",
        "since_signoff_loss",
        "max_positions",
    )
    return {
        name: plain(getattr(limits, name)) if name != "max_positions" else str(limits.max_positions)
        for name in names
    }


def told(found: Checklist) -> Iterator[str]:
    """Yield the checklist as people read it: place by place, a line each, the way out below."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    width = max(len(row.check) for row in found.rows)
    before = ""
    for place, row, status in found.lines():
        if place != before:
            yield f"{place}"
            before = place
        first, *more = wrapped(f"  {'':<4}  {row.check:<{width}}  ", row.detail, columns)
        word = f"{WORDS[status]:<4}"
        if coloured:
            word = typer.style(word, TINTS[status], bold=status != "ok")
        yield f"  {word}{first[6:]}"
        yield from more
        if row.hint and status != "ok":
            yield from wrapped(f"{'':<{width + 10}}→ ", row.hint, columns)


def _ending(found: Checklist, token: str | None) -> Iterator[str]:
    counts = [sum(status == each for _, _, status in found.lines()) for each in WORDS]
    yield f"{counts[0]} ok, {counts[1]} to note, {counts[2]} FAIL"
    if found.open:
        yield f"open of ours: {'; '.join(found.open)}"
    if token is not None:
        yield f"to start without a terminal: tradebot live --headless --confirm-live {token}"
        yield f"  ({TOKEN_MS // MINUTE_MS} minutes, one start, this configuration)"
