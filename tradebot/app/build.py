"""Puts a session together from configuration: instruments, limits, engine, simulated exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from tradebot.broker.ghost import GhostBroker
from tradebot.broker.simulated import SimulatedBroker
from tradebot.config import Config
from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.model.errors import ConfigError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fees, Instrument
from tradebot.core.risk.monitor import Reached
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.strategy.resample import timeframe_ms
from tradebot.core.trading.broker import Broker
from tradebot.core.trading.engine import Engine, EngineConfig
from tradebot.core.trading.session import Record, Session, Sink
from tradebot.core.trading.shared import Execution

BENCH_TICK = Decimal("0.01")


def make_session(
    config: Config,
    make_strategy: Callable[[str], Strategy],
    symbols: Sequence[str],
    interval: int,
    *,
    quotes: bool = False,
    sink: Sink | None = None,
    record: Record | None = None,
    latched: Callable[[], bool] | None = None,
    clock: Callable[[], float] | None = None,
    timeframe: int | None = None,
    ghost: bool = False,
    broker: Broker | None = None,
    instruments: Mapping[str, Instrument] | None = None,
    start_equity: Decimal | None = None,
    signoff_equity: Decimal | None = None,
    reached: tuple[Reached, ...] = (),
    drops_stops: bool = False,
    unproved: bool = False,
) -> Session:
    """Return engine and broker, coupled, for bars of ``interval`` milliseconds.

    ``timeframe`` (milliseconds) overrides what the configuration says. With ``ghost`` every entry signal
    is a hypothetical trade beside it. ``broker`` is one outside; None makes a simulated one. ``instruments``
    are the rules as the exchange has them, in place of the package's, ``start_equity`` what its account holds (USDT),
    ``signoff_equity`` what the approved loss counts from (None: it does not), ``reached`` the loss limits reached before;
    ``drops_stops`` says that it loses stops it has accepted, ``unproved`` that nobody has seen one stand there.

    Raises ConfigError for a symbol the bot does not know and a timeframe that cannot be built.
    """
    instruments, limits = instruments or pick_instruments(config, symbols), config.limits(symbols)
    engine = Engine(
        EngineConfig(
            symbols=tuple(sorted(symbols)),
            instruments=instruments,
            limits=limits,
            fees=_fees(config),
            execution=_execution(config),
            start_equity=config.sim.start_equity if start_equity is None else start_equity,
            interval=interval,
            timeframe=timeframe or timeframe_of(config, interval),
            quotes=quotes,
            leverage=limits.leverage or 1,
            auto_resume=config.risk.auto_resume and config.risk.profile != "live",
            signoff_equity=signoff_equity,
            reached=reached,
            outside=broker is not None,
            drops_stops=drops_stops,
            unproved=unproved,
            stage=config.stage,
        ),
        make_strategy,
    )
    if broker is None:
        broker = _simulated(sim_rules(config, limits.leverage or 1), instruments, ghost=ghost)
    ghosts = make_ghosts(config, engine.config) if ghost else None
    return Session(
        engine, broker, sink=sink, record=record, latched=latched, clock=clock, ghosts=ghosts
    )


def make_ghosts(config: Config, told: EngineConfig) -> Ghosts:
    """Return the hypothetical trades that go with an engine that was told so."""
    return Ghosts(config.ghost.notional, sim_rules(config, told.leverage), told.instruments)


def _simulated(
    rules: SimRules, instruments: Mapping[str, Instrument], *, ghost: bool
) -> SimulatedBroker:
    """Return a broker in this process; a ghost's has no way to send anything."""
    make_broker = GhostBroker if ghost else SimulatedBroker
    return make_broker(SimExchange(rules, instruments), rules.leverage)


def pick_instruments(config: Config, symbols: Sequence[str]) -> Mapping[str, Instrument]:
    """Return the symbols' trading rules; ConfigError for one that is not on the list."""
    unknown = [symbol for symbol in symbols if symbol not in INSTRUMENTS]
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)} cannot be traded: the list is {', '.join(sorted(INSTRUMENTS))}",
            hint="choose among these with --symbols, or name other data files",
            key="market.symbols",
        )
    if config.risk.profile != "bench":
        return {symbol: INSTRUMENTS[symbol] for symbol in symbols}
    # the benchmark's data has two decimals on a price whose real tick is coarser
    return {
        symbol: replace(INSTRUMENTS[symbol], tick=BENCH_TICK, min_notional=ZERO)
        for symbol in symbols
    }


def price_bounds() -> dict[str, tuple[float, float]]:
    """Return the least and the largest price (USDT) of each symbol that the bot knows."""
    return {
        symbol: (float(known.min_price), float(known.max_price))
        for symbol, known in INSTRUMENTS.items()
    }


def timeframe_of(config: Config, interval: int) -> int:
    """Return the strategy's timeframe in milliseconds for bars of ``interval``.

    The default follows the data where that is coarser; one asked for must be a multiple of it.
    """
    asked = timeframe_ms(config.strategy.timeframe)
    if asked % interval == 0:
        return asked
    if config.origin("strategy.timeframe").kind == "default":
        return interval
    raise ConfigError(
        f"{config.strategy.timeframe} cannot be built from bars of {interval // 60_000} min",
        hint="choose a multiple of the data's interval with --timeframe",
        key="strategy.timeframe",
    )


def _execution(config: Config) -> Execution:
    bench = config.risk.profile == "bench"
    return Execution(
        "market" if bench else config.execution.entry,
        ZERO if bench else config.execution.slippage_bps,
        config.execution.ttl_s,
        config.execution.countdown,
    )


def _fees(config: Config) -> Fees:
    return Fees(config.sim.maker_fee, config.sim.taker_fee)


def sim_rules(config: Config, leverage: int) -> SimRules:
    """Return how the simulated exchange treats orders, by the configuration."""
    sim = config.sim
    bench = config.risk.profile == "bench"
    return SimRules(
        start_equity=sim.start_equity,
        fees=_fees(config),
        spread_bps=ZERO if bench else sim.spread_bps,
        impact=ZERO if bench else sim.impact,
        latency_ms=0 if bench else sim.latency_ms,
        volume_share=sim.volume_share,
        leverage=leverage,
        model="next_open" if bench else "bars",
    )
