"""Where a command's prices come from: files that were named, else the market that is configured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.build import pick_instruments, price_bounds, timeframe_of
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.market.files.feed import FileFeed, open_files

if TYPE_CHECKING:
    from tradebot.market.feed import Prices, Source
    from tradebot.plugins.strategies import StrategySpec
    from tradebot.wire.client import Wire

COARSE_MS = 4 * HOUR_MS
"""From longer timeframes than this on Binance's bars are hours: a warm-up of minutes would take thousands of calls."""


def open_data(files: Sequence[Path], symbols: Sequence[str] | None) -> FileFeed:
    """Open market data files; a price that no symbol of ours can have is an error of theirs.

    Raises DataError for files that are none or do not go together.
    """
    return open_files(files, symbols, bounds=price_bounds())


def choose_source(files: Sequence[Path], symbols: Sequence[str] | None, config: Config) -> Source:
    """Return the source of a run: the files, or the embedded market as it is configured."""
    from tradebot.market.feed import FileSource, SimulatedSource  # a backtest does without them

    if files:
        return FileSource(open_data(files, symbols))
    return SimulatedSource(config.market.symbols, config.market.seed)


def choose_prices(
    files: Sequence[Path], symbols: Sequence[str] | None, config: Config, spec: StrategySpec
) -> Prices:
    """Return the prices of a run that goes on in time: Binance's too, which is asked for its rules here.

    Raises ExchangeError where Binance cannot be reached or does not trade a symbol.
    """
    if files or config.market.source == "sim":
        return choose_source(files, symbols, config)
    from tradebot.app.connect import wire_to
    from tradebot.wire.hosts import find_hosts

    return exchange_prices(wire_to(find_hosts("live", config.exchange.url)), config, spec)


def speed_of(files: Sequence[Path], config: Config) -> float | None:
    """Return market minutes per wall minute, None for as fast as possible; UsageError for another than Binance's."""
    speed = config.market.speed
    if files or config.market.source == "sim":
        return None if speed == "max" else float(speed)
    if config.origin("market.speed").kind != "default" and speed != 1:
        raise UsageError(
            f"Binance's prices come at their own speed, not at {speed}",
            hint="leave --speed away; --market sim and files can be played faster",
            key="market.speed",
        )
    return 1.0


def exchange_prices(
    wire: Wire, config: Config, spec: StrategySpec, *, traded: bool = False
) -> Prices:
    """Return the prices that come over a wire; ``traded`` says that an account is traded over it too.

    Raises ExchangeError where the exchange cannot be reached or does not trade a symbol.
    """
    from tradebot.market.binance.source import BinanceSource, read_market

    symbols = config.market.symbols
    timeframe = timeframe_of(config, MINUTE_MS)
    known = pick_instruments(config, symbols)
    warmup = max(spec.build(symbol).warmup for symbol in symbols)
    market = read_market(wire, symbols, known)
    interval = MINUTE_MS if timeframe <= COARSE_MS else HOUR_MS
    return BinanceSource(wire, market, interval, timeframe, warmup, plays=not traded)
