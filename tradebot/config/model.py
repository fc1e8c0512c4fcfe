"""The sections and keys of bot.toml with their defaults.

Every field is read by one parser of ``values``; pydantic holds the shape (strict, frozen, no extra
keys). Money in USDT, fractions where a rate is meant, ``*_bps`` in hundredths of a percent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import platformdirs
from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tradebot.config.alerts import Alerts
from tradebot.config.live import Live
from tradebot.config.origin import DEFAULT, Origin
from tradebot.config.section import Flag, Section, Word, Words
from tradebot.config.values import (
    choice,
    demo_host,
    fee,
    flag,
    hours,
    loopback_url,
    number,
    or_word,
    params,
    symbols,
    whole,
)
from tradebot.core.model.money import plain
from tradebot.core.risk import ceilings
from tradebot.core.risk.limits import Limits, is_looser
from tradebot.wire.hosts import DEMO

TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
PAPER = Limits.paper()
LIVE = Limits.live()
LIVE_CEILINGS: Mapping[str, Any] = {
    **{item.name: getattr(LIVE, item.name) for item in fields(Limits)},
    "position_value_stage_2": ceilings.POSITION_VALUE_STAGE_TWO,
}
"""What no key of ``[risk.live]`` can be looser than."""
OFF = "off"

MONEY = number(0, above=True)
PERCENT = number(0, 100, above=True)
LEVERAGE = whole(1, 125)
POSITIONS = whole(1, 100)
INTERVAL_S = whole(0, 86_400)
STALE_S = whole(1, 3_600)
SKEW_MS = whole(1, 60_000)

Symbols = Annotated[tuple[str, ...], BeforeValidator(symbols)]
Hours = Annotated[tuple[int, ...], BeforeValidator(hours)]
Money = Annotated[Decimal, BeforeValidator(MONEY)]
Percent = Annotated[Decimal, BeforeValidator(PERCENT)]
Fee = Annotated[Decimal, BeforeValidator(fee)]
Bps = Annotated[Decimal, BeforeValidator(number(0, 1000))]

OffMoney: TypeAlias = Annotated[Decimal | None, BeforeValidator(or_word(OFF, None, MONEY))]
OffPercent: TypeAlias = Annotated[Decimal | None, BeforeValidator(or_word(OFF, None, PERCENT))]
OffLeverage: TypeAlias = Annotated[int | None, BeforeValidator(or_word(OFF, None, LEVERAGE))]
OffPositions: TypeAlias = Annotated[int | None, BeforeValidator(or_word(OFF, None, POSITIONS))]
OffInterval: TypeAlias = Annotated[int | None, BeforeValidator(or_word(OFF, None, INTERVAL_S))]
OffStale: TypeAlias = Annotated[int | None, BeforeValidator(or_word(OFF, None, STALE_S))]
OffSkew: TypeAlias = Annotated[int | None, BeforeValidator(or_word(OFF, None, SKEW_MS))]
OffSymbols: TypeAlias = Annotated[
    tuple[str, ...] | None, BeforeValidator(or_word(OFF, None, symbols))
]
OffHours: TypeAlias = Annotated[tuple[int, ...] | None, BeforeValidator(or_word(OFF, None, hours))]
OffFlag: TypeAlias = Annotated[bool, BeforeValidator(or_word(OFF, False, flag))]
ParamTable: TypeAlias = Annotated[dict[str, Any], BeforeValidator(params)]


class Data(Section):
    """``[data]``: where the journal is; empty for the platform's user data directory."""

    dir: Word = ""


class StrategyChoice(Section):
    """``[strategy]``: which strategy, on which bars, with which parameters."""

    name: Word = "ema_cross"
    timeframe: Annotated[str, BeforeValidator(choice(*TIMEFRAMES))] = "1m"
    params: ParamTable = Field(default_factory=dict)


class MarketChoice(Section):
    """``[market]``: where prices come from; ``speed`` in market minutes per wall minute."""

    source: Annotated[Literal["sim", "binance"], BeforeValidator(choice("sim", "binance"))] = "sim"
    symbols: Symbols = ceilings.DEFAULT_SYMBOLS
    speed: Annotated[
        Decimal | Literal["max"],
        BeforeValidator(or_word("max", "max", number(0, 1_000_000, above=True))),
    ] = Decimal(60)
    seed: Annotated[int, BeforeValidator(whole(0, 2**63 - 1))] = 42


class Sim(Section):
    """``[sim]``: the simulated exchange. Fees and ``volume_share`` are fractions."""

    start_equity: Money = Decimal(10_000)
    maker_fee: Fee = Decimal("0.0002")
    taker_fee: Fee = Decimal("0.0005")
    spread_bps: Bps = Decimal(1)
    impact: Annotated[Decimal, BeforeValidator(number(0, 100))] = Decimal("0.1")
    latency_ms: Annotated[int, BeforeValidator(whole(0, 3_600_000))] = 250
    volume_share: Annotated[Decimal, BeforeValidator(number(0, 1, above=True))] = Decimal("0.1")


class ExecutionRules(Section):
    """``[execution]``: how an entry is sent."""

    entry: Annotated[
        Literal["ioc", "market", "limit"], BeforeValidator(choice("ioc", "market", "limit"))
    ] = "ioc"
    slippage_bps: Bps = Decimal(10)
    ttl_s: Annotated[int, BeforeValidator(whole(1, 86_400))] = 60
    countdown: Flag = False


class PaperRules(Section):
    """``[risk.paper]``: any value, or "off" (None here)."""

    position_value: OffMoney = PAPER.position_value
    leverage: OffLeverage = PAPER.leverage
    trade_loss: OffMoney = PAPER.trade_loss
    day_loss: OffMoney = PAPER.day_loss
    week_loss: OffMoney = PAPER.week_loss
    since_signoff_loss: OffMoney = PAPER.since_signoff_loss
    margin_utilisation_pct: OffPercent = PAPER.margin_utilisation_pct
    liquidation_alert_pct: OffPercent = PAPER.liquidation_alert_pct
    liquidation_close_pct: OffPercent = PAPER.liquidation_close_pct
    max_positions: OffPositions = PAPER.max_positions
    entry_interval_s: OffInterval = PAPER.entry_interval_s
    symbols: OffSymbols = PAPER.symbols
    blackout_hours: OffHours = PAPER.blackout_hours
    stale_s: OffStale = PAPER.stale_s
    max_skew_ms: OffSkew = PAPER.max_skew_ms
    stop_required: OffFlag = PAPER.stop_required

    def limits(self) -> Limits:
        """Return the rules as the gate takes them; lists that are off allow everything known."""
        values = {item.name: getattr(self, item.name) for item in fields(Limits)}
        if self.symbols is None:
            values["symbols"] = ceilings.SYMBOLS
        if self.blackout_hours is None:
            values["blackout_hours"] = ()
        return Limits(**values)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_liquidation(self.liquidation_alert_pct, self.liquidation_close_pct)
        return self


class LiveRules(Section):
    """``[risk.live]``: at most the ceilings, never off; ``position_value_stage_2`` binds in stages 2 and 3."""

    position_value: Money = ceilings.POSITION_VALUE
    position_value_stage_2: Money = ceilings.POSITION_VALUE_STAGE_TWO
    leverage: Annotated[int, BeforeValidator(LEVERAGE)] = ceilings.LEVERAGE
    trade_loss: Money = ceilings.TRADE_LOSS
    day_loss: Money = ceilings.DAY_LOSS
    week_loss: Money = ceilings.WEEK_LOSS
    since_signoff_loss: Money = ceilings.SINCE_SIGNOFF_LOSS
    margin_utilisation_pct: Percent = ceilings.MARGIN_UTILISATION_PCT
    liquidation_alert_pct: Percent = ceilings.LIQUIDATION_ALERT_PCT
    liquidation_close_pct: Percent = ceilings.LIQUIDATION_CLOSE_PCT
    max_positions: Annotated[int, BeforeValidator(POSITIONS)] = ceilings.MAX_POSITIONS
    entry_interval_s: Annotated[int, BeforeValidator(INTERVAL_S)] = ceilings.ENTRY_INTERVAL_S
    symbols: Symbols = ceilings.DEFAULT_SYMBOLS
    blackout_hours: Hours = ceilings.BLACKOUT_HOURS
    stale_s: Annotated[int, BeforeValidator(STALE_S)] = ceilings.STALE_S
    max_skew_ms: Annotated[int, BeforeValidator(SKEW_MS)] = ceilings.MAX_SKEW_MS
    stop_required: Flag = ceilings.STOP_REQUIRED

    @field_validator("*", mode="before")
    @classmethod
    def _never_off(cls, value: object) -> object:
        if value == OFF:
            raise ValueError('a live rule cannot be switched "off"')
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _within_ceiling(cls, value: Any, info: ValidationInfo) -> Any:
        rule = str(info.field_name)
        ceiling = LIVE_CEILINGS[rule]
        if is_looser(rule, value, ceiling):
            got, most = written(value), written(ceiling)
            raise ValueError(f"{got} is looser than the ceiling of {most} (live can only tighten)")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_liquidation(self.liquidation_alert_pct, self.liquidation_close_pct)
        return self

    def limits(self) -> Limits:
        """Return the rules as the gate takes them, once more held to the ceilings."""
        values = {item.name: getattr(self, item.name) for item in fields(Limits)}
        return Limits(**values).tightened(LIVE)

    def in_stage(self, stage: int, written: Decimal | None = None) -> Limits:
        """Return the rules of a live stage (from 1); ``written`` is the cap (USDT) its signers wrote down, None for none."""
        if stage == 1:
            return self.limits().in_stage(stage)
        cap = (
            self.position_value_stage_2
            if written is None
            else min(self.position_value_stage_2, written)
        )
        return self.limits().in_stage(stage, cap)


def _check_liquidation(alert: Decimal | None, close: Decimal | None) -> None:
    if alert is not None and close is not None and alert > close:
        order = f"liquidation_alert_pct ({plain(alert)}) is above liquidation_close_pct"
        raise ValueError(f"{order} ({plain(close)})")


class Risk(Section):
    """``[risk]``: which set of rules holds; ``auto_resume`` for paper and ghost only."""

    profile: Annotated[
        Literal["paper", "live", "bench"], BeforeValidator(choice("paper", "live", "bench"))
    ] = "paper"
    auto_resume: Flag = True
    paper: PaperRules = PaperRules()
    live: LiveRules = LiveRules()


class Ghost(Section):
    """``[ghost]``: the size of hypothetical trades, USDT."""

    notional: Money = Decimal(1000)


class Exchange(Section):
    """``[exchange]``: which venue orders go to, and a loopback address in its place."""

    environment: Annotated[
        Literal["local", "demo", "live"], BeforeValidator(choice("local", "demo", "live"))
    ] = "local"
    url: Annotated[str, BeforeValidator(loopback_url)] = ""
    demo_rest: Annotated[str, BeforeValidator(demo_host("https"))] = DEMO.rest
    demo_stream: Annotated[str, BeforeValidator(demo_host("wss"))] = DEMO.stream

    @property
    def demo(self) -> tuple[str, str]:
        """The hosts of Demo Trading: for requests and for streams."""
        return self.demo_rest, self.demo_stream


class ReportChoice(Section):
    """``[report]``: files of daily values that every report is compared with, each ``FILE`` or ``FILE:NAME``."""

    benchmarks: Words = ()


class Log(Section):
    """``[log]``: how much is said, and for how many days the event log is kept."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(choice("debug", "info", "warning", "error")),
    ] = "info"
    keep_days: Annotated[int, BeforeValidator(whole(1, 3650))] = 30


class Config(Section):
    """Everything that was configured. Made by ``load_config``; ``Config()`` is the defaults."""

    data: Data = Data()
    strategy: StrategyChoice = StrategyChoice()
    market: MarketChoice = MarketChoice()
    sim: Sim = Sim()
    execution: ExecutionRules = ExecutionRules()
    risk: Risk = Risk()
    ghost: Ghost = Ghost()
    exchange: Exchange = Exchange()
    live: Live = Live()
    alerts: Alerts = Alerts()
    report: ReportChoice = ReportChoice()
    log: Log = Log()

    _file: Path | None = PrivateAttr(default=None)
    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _stage: int = PrivateAttr(default=0)
    _written: Decimal | None = PrivateAttr(default=None)

    @property
    def stage(self) -> int:
        """The live stage whose rules hold, 0 where none binds: it comes from the journal, never from a file."""
        return self._stage

    @property
    def file(self) -> Path | None:
        """The file that was read, None if there was none."""
        return self._file

    @property
    def base_dir(self) -> Path:
        """The directory strategy files are relative to: the config file's, else the current one."""
        return self._file.parent if self._file else Path()

    def strategy_dir(self) -> Path:
        """Return the directory a strategy file is relative to.

        That is ``base_dir``; a file named on the command line or in the environment that is not
        there may also be relative to the current directory.
        """
        path = self.strategy.name.rpartition(":")[0]
        elsewhere = path and self.origin("strategy.name").kind != "file"
        if elsewhere and not (self.base_dir / path).exists() and Path(path).exists():
            return Path()
        return self.base_dir

    def origin(self, key: str) -> Origin:
        """Return where the value of a dotted key came from."""
        return self._origins.get(key, DEFAULT)

    def located(self, file: Path | None, origins: Mapping[str, Origin]) -> Self:
        """Return the same values with file and origins noted."""
        copy = self.model_copy()
        copy._file, copy._origins = file, dict(origins)
        return copy

    def in_stage(self, stage: int, written: Decimal | None = None) -> Self:
        """Return the same values, live held to the rules of a stage; ``written`` is the cap its signers wrote down (USDT)."""
        copy = self.model_copy()
        copy._stage, copy._written = stage, written
        return copy

    def live_limits(self) -> Limits:
        """Return the rules of ``[risk.live]``, those of the stage where one binds."""
        if self._stage:
            return self.risk.live.in_stage(self._stage, self._written)
        return self.risk.live.limits()

    def limits(self, symbols: Iterable[str] | None = None) -> Limits:
        """Return the rules of the chosen profile; ``symbols`` are what a bench run trades."""
        if self.risk.profile == "live":
            return self.live_limits()
        if self.risk.profile == "bench":
            return Limits.bench(self.market.symbols if symbols is None else symbols)
        return self.risk.paper.limits()

    def data_dir(self) -> Path:
        """Return the directory of journal, lock and latch; it need not exist yet.

        A relative directory is relative to the config file when it stands there, else to the
        current one.
        """
        if not self.data.dir:
            return platformdirs.user_data_path("tradebot", appauthor=False)
        path = Path(self.data.dir).expanduser()
        if self.origin("data.dir").kind == "file":
            path = self.base_dir / path
        return path

    def items(self) -> list[tuple[str, Any]]:
        """Return every dotted key with its value as bot.toml would have it (rules off: "off")."""
        return list(_flatten(self.document()))

    def document(self) -> dict[str, Any]:
        """Return the nested tables, ready for TOML: Decimal, int, bool, str and lists."""
        return {name: _plain_table(table) for name, table in self.model_dump(by_alias=True).items()}

    def canonical_json(self) -> str:
        """Return the configuration as one line of JSON, decimals as strings, without any path."""
        tables = {k: v for k, v in self.document().items() if k not in ("data", "report")}
        tables["alerts"] = {}  # who is told what is no part of a run
        name = tables["strategy"]["name"]
        tables["strategy"]["name"] = name.replace("\\", "/").rpartition("/")[2]
        return json.dumps(tables, sort_keys=True, separators=(",", ":"), default=plain)

    def digest(self) -> str:
        """Return the sha256 of ``canonical_json`` in hex: the config hash of a run."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


def written(value: Any) -> str:
    """Return a value as bot.toml would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items())
        return "{" + inner + "}"
    if isinstance(value, Decimal):
        return plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _plain_table(table: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in table.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain_table(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Decimal):
        return Decimal(plain(value))
    return OFF if value is None else value


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and not prefix.startswith("strategy.params."):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


__all__ = ["OFF", "TIMEFRAMES", "Config", "LiveRules", "PaperRules", "Section", "written"]
