"""``paper`` and ``ghost``: from options to an answer."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tradebot.app.build import pick_instruments, timeframe_of
from tradebot.app.ended import closed_trades, unfilled
from tradebot.app.host import PaperHost, Setup
from tradebot.app.prices import choose_prices, exchange_prices, speed_of
from tradebot.app.runner import Ending, Pace
from tradebot.app.watchdog import ScreenWatch
from tradebot.cli.backtest_command import chosen_strategy, progress
from tradebot.cli.ghost_commands import ghost_result, modes_of, without_shadow
from tradebot.cli.lines import lines_of
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, fail, show
from tradebot.cli.settings import read_config
from tradebot.cli.stopping import (
    INTERRUPTED,
    HungError,
    Signals,
    leave_at_once,
    stop_or_keep,
    until_ended,
)
from tradebot.cli.summary import render
from tradebot.cli.tui_commands import is_terminal, let_go_of_terminal, run_with_screen
from tradebot.config import Config
from tradebot.core.model.documents import PositionDocument
from tradebot.core.model.effects import Effect
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.events import Event
from tradebot.core.model.values import MINUTE_MS
from tradebot.journal.paths import journal_path
from tradebot.journal.view import as_json
from tradebot.market.feed import Prices
from tradebot.market.files.findings import duration as in_words
from tradebot.plugins.aside import prints_aside

if TYPE_CHECKING:
    from tradebot.app.account import Access, TradedAccount
    from tradebot.plugins.strategies import StrategySpec

LONG_MS = 60_000
"""Wall time that a user is told of before files are played."""


def paper(options: RunOptions) -> int:
    """Trade on paper, or judge signals as a ghost, journalled; an interrupted run goes on."""
    with Signals() as signals:
        try:
            return _paper(options, signals)
        except HungError as error:
            leave_at_once(fail(options.mode, error, as_json=options.common.json))


def _paper(options: RunOptions, signals: Signals) -> int:
    _check_venue(options)
    config = read_config(options.common, options.flags())
    speed, spec = speed_of(options.files, config), chosen_strategy(config)
    source, account = _market(options, config, spec)
    pick_instruments(config, source.symbols)
    seeded = not options.files and config.market.source == "sim"
    host_setup = Setup(
        config=config,
        source=source,
        spec=spec,
        pace=Pace(speed, options.duration_ms),
        seed=config.market.seed if seeded else None,
        new=options.new,
        modes=modes_of(options),
        observe=without_shadow(tell_events) if options.mode == "ghost" else tell_events,
        said=greeting(options, config, source, speed),
        broker=None if account is None else account.broker,
        venue="local" if account is None else account.access.environment,
        account=account,
    )
    ending = host_run(host_setup, options, signals)
    return answer(ending, host_setup, options, signals)


VENUES = ("local", "demo")


def _check_venue(options: RunOptions) -> None:
    if options.venue is not None and options.venue not in VENUES:
        raise UsageError(
            f'there is no venue "{options.venue}"',
            hint=f"--venue {' or '.join(VENUES)}",
            key="--venue",
        )
    if options.is_demo and (options.files or options.market not in (None, "binance")):
        raise UsageError(
            "orders on Demo Trading go with its own prices: no files, and no other market",
            hint="leave FILEs and --market away",
            key="--venue",
        )


def _market(
    options: RunOptions, config: Config, spec: StrategySpec
) -> tuple[Prices, TradedAccount | None]:
    """Return a run's prices and, where its orders go to an account, that: one wire carries both."""
    if not options.is_demo:
        return choose_prices(options.files, options.symbols, config, spec), None
    from tradebot.app.account import find_access

    access = find_access("demo", config.exchange.url, config.exchange.demo)
    return traded_market(access, config, spec)


def traded_market(
    access: Access, config: Config, spec: StrategySpec
) -> tuple[Prices, TradedAccount]:
    """Return the prices and the account of a run that trades one; ExchangeError where the exchange cannot be reached."""
    from tradebot.app.account import TradedAccount

    wire = access.wire()
    source = exchange_prices(wire, config, spec, traded=True)
    leverage = config.limits(source.symbols).leverage or 1
    rests = config.execution.countdown and config.execution.entry == "limit"
    return source, TradedAccount(access, wire, source.symbols, leverage, countdown=rests)


def _patience(options: RunOptions, source: Prices, speed: float | None) -> list[str]:
    """Say how long files take at the speed asked for, where that is long; nothing for an endless market."""
    length = source.length()
    if length is None or speed is None:
        return []
    length = min(length, options.duration_ms or length)
    wall = int(length / speed)
    if wall < LONG_MS:
        return []
    return [
        (
            f"{in_words(length)} of data take {in_words(wall)} at {speed:g} market minutes a minute; "
            "--speed max plays them as fast as they can be read"
        )
    ]


def greeting(
    options: RunOptions, config: Config, source: Prices, speed: float | None
) -> Callable[[str], None]:
    """Return what says that a run begins: one line, on a terminal with how to go about it."""
    banner = _patience(options, source, speed)
    if not (options.headless or options.common.json) and sys.stderr.isatty():
        banner += [f"  {name:<9} {text}" for name, text in _banner(options, config, source, speed)]

    def greet(opening: str) -> None:
        _say(opening)
        while banner:  # with the first word only: several runs may begin
            _say(banner.pop(0))

    return greet


def _banner(
    options: RunOptions, config: Config, source: Prices, speed: float | None
) -> Iterator[tuple[str, str]]:
    place = "" if options.common.data_dir is None else f" --data-dir {options.common.data_dir}"
    minutes = timeframe_of(config, source.interval) // MINUTE_MS
    yield "market", source.label
    yield "strategy", f"{config.strategy.name} on {minutes}m bars"
    yield "speed", "as fast as it goes" if speed is None else f"{speed:g} market minutes a minute"
    yield "journal", str(journal_path(config.data_dir()))
    yield "Ctrl-C", f"stops it in order; the next `tradebot {options.mode}` goes on"
    yield "halt", f"`tradebot halt{place}` from another terminal: no new entries"
    yield "close", f"`tradebot close-all{place}`: out of everything"


# -- the engine's thread and this one -----------------------------------------------------------


def host_run(
    setup: Setup,
    options: RunOptions,
    signals: Signals,
    beside: Callable[[PaperHost], object] | None = None,
) -> Ending:
    """Run the engine in its thread while this one waits, and answer signals; return how it ended.

    ``beside`` is done in a thread of its own meanwhile.
    """
    ready = threading.Event()
    screen, watchdog = has_screen(options), setup.watchdog
    if screen:  # it shows what is in the journal, and nothing else may write on the terminal
        noting = None if watchdog is None else ScreenWatch(setup.config.data_dir())
        setup = replace(setup, observe=None, said=lambda _: ready.set(), watchdog=noting)
    host = PaperHost(setup)
    signals.listen(partial(stop_or_keep, host, signals))
    host.start()
    if beside is not None:
        threading.Thread(target=beside, args=(host,), name="checklist", daemon=True).start()
    if screen:
        run_with_screen(host, setup.config, options.common, ready, signals, watchdog)
    else:
        with progress(options, shown=setup.pace.speed is None) as bar, prints_aside():
            until_ended(host, signals, lambda: bar(host.progress))
    signals.over()
    let_go_of_terminal()
    return host.result()


def has_screen(options: RunOptions) -> bool:
    """Whether a run shows itself on the terminal: then nothing else may write there."""
    return not options.headless and not options.common.json and is_terminal()


def tell_events(event: Event, effects: Sequence[Effect]) -> None:
    """Say what an event led to, a line for each thing worth knowing."""
    for line in lines_of(event.at, effects):
        _say(line)


def _say(text: str) -> None:
    # nobody listening any more (a closed pipe, a terminal gone) is no reason to stop trading
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - talk goes to stderr


# -- answers ------------------------------------------------------------------------------------


def _left_open(ending: Ending, account: TradedAccount | None) -> list[str]:
    """Say what an account still holds: nobody watches it any more, only its stops at the exchange do."""
    if account is None or not ending.positions:
        return []
    held = ", ".join(map(_held_with_stop, ending.positions))
    name = account.access.environment
    goes = "the next start goes on with it" if ending.state == "interrupted" else "this run is over"
    text = f"the {name} account still holds {held}: {goes}"
    return [f"{text}; `tradebot close-all --account {name}` closes it"]


def _held_with_stop(row: PositionDocument) -> str:
    stop = "no stop known" if row["stop"] is None else f"its stop at {row['stop']} stays"
    return f"{row['symbol']} {row['side']} {row['qty']} ({stop})"


def answer(ending: Ending, setup: Setup, options: RunOptions, signals: Signals) -> int:
    """Say how a run ended and return the exit code; of one that could not even begin, only why."""
    if ending.error is not None and not ending.began:
        left = _left_open(ending, setup.account)
        return fail(options.mode, ending.error, as_json=options.common.json, warnings=left)
    result = run_result(ending, setup.source, setup.config, setup.account)
    code = show(ghost_result(result, ending, setup.config), as_json=options.common.json)
    return INTERRUPTED if signals.caught[:1] == [signal.SIGINT] and code == 0 else code


def run_result(
    ending: Ending, source: Prices, config: Config, account: TradedAccount | None = None
) -> Result:
    """Return how a run ended as a command's answer."""
    trades: list[dict[str, Any]] = []
    idle: list[str] = []
    run = str(ending.summary["run"])
    left = _left_open(ending, account)
    with (
        suppress(JournalError) if ending.error else nullcontext()
    ):  # the first error is the one to tell
        trades = [as_json(row) for row in closed_trades(config, run)]
        idle = unfilled(config, run)
    data: dict[str, Any] = {
        "summary": ending.summary,
        "state": ending.state,
        "why": ending.why,
        "positions": ending.positions,
        "hashes": ending.hashes,
    }
    return Result(
        str(ending.summary["mode"]),
        data,
        [*source.warnings(ending.positions), *ending.warnings, *idle, *left],
        text=render(ending.summary, ending.positions, trades, ending.hashes),
        error=ending.error,
    )
