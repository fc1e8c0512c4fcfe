"""What the command line asked for, as values: one dataclass per family of commands.

The bodies of the commands build these and hand them on; nothing here reads a file or a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from tradebot.core.model.errors import UsageError
from tradebot.core.model.frozen import frozen

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


@frozen
class Common:
    """``--config``, ``--data-dir``, ``--json`` and every ``--set``: what all commands take."""

    config: Path | None = None
    data_dir: Path | None = None
    json: bool = False
    sets: tuple[str, ...] = ()

    def flags(self) -> dict[str, object]:
        """Return the config keys these flags set; None for one that was not given."""
        return {"data.dir": None if self.data_dir is None else str(self.data_dir)}


@frozen
class RunOptions:
    """``backtest``, ``paper`` and ``ghost``. None means: not given, the configuration decides.

    ``params`` are ``name=value`` texts, ``duration_ms`` is ``--for`` in market time, ``speed`` a
    number or ``max``. ``ghost`` is paper with a ghost beside it on the same feed. ``venue`` is where orders go:
    local or demo. A backtest's ``report`` is printed, its ``html``, ``csv`` (a directory) and ``benchmarks`` are of that report too;
    ``advice`` is in it. ``record`` puts it into the journal as evidence.
    """

    common: Common
    mode: Literal["backtest", "paper", "ghost", "live"]
    files: tuple[Path, ...] = ()
    market: str | None = None
    venue: str | None = None
    symbols: tuple[str, ...] | None = None
    timeframe: str | None = None
    strategy: str | None = None
    params: tuple[str, ...] = ()
    profile: str | None = None
    speed: str | None = None
    duration_ms: int | None = None
    seed: int | None = None
    headless: bool = False
    new: bool = False
    ghost: bool = False
    plot: bool = False
    html: Path | None = None
    csv: Path | None = None
    benchmarks: tuple[str, ...] = ()
    advice: bool = True
    report: bool = False
    record: bool = False

    @property
    def wants_report(self) -> bool:
        """Whether a backtest is to be reported on."""
        return self.report or bool(self.html or self.csv or self.benchmarks)

    @property
    def is_demo(self) -> bool:
        """Whether orders go to an account at Binance's Demo Trading."""
        return self.venue == "demo"

    def flags(self) -> dict[str, object]:
        """Return the config keys these flags set; None for one that was not given."""
        demo = self.is_demo
        outside = demo or self.mode == "live"
        return {
            **self.common.flags(),
            "market.source": "binance" if outside and self.market is None else self.market,
            "exchange.environment": "demo" if demo else None,
            "market.symbols": self.symbols,
            "market.speed": self.speed,
            "market.seed": self.seed,
            "strategy.name": self.strategy,
            "strategy.timeframe": self.timeframe,
            "risk.profile": self.profile,
            **parse_params(self.params),
        }


@frozen
class LiveOptions:
    """``live``: the run's options; ``check`` goes through the checklist only, ``token`` is one of such a check.

    ``print_unit`` prints systemd's unit and does nothing else; ``enforce_gates`` has every gate bind.
    """

    run: RunOptions
    check: bool = False
    token: str | None = None
    print_unit: bool = False
    enforce_gates: bool = False


@frozen
class DrillOptions:
    """``drill``: the run that is drilled; one ``scenario`` or all (None); ``keep`` its directory."""

    run: RunOptions
    scenario: str | None = None
    keep: bool = False


@frozen
class SignoffOptions:
    """``signoff``: who signs with which words, in a file; ``revoke`` takes every sign-off back.

    ``stage`` is the one to move up to, ``cap`` (USDT) what stage 3 is held to; ``review`` says that a week was looked through.
    """

    run: RunOptions
    name: str | None = None
    role: str | None = None
    text_file: Path | None = None
    revoke: bool = False
    stage: int | None = None
    cap: str = ""
    review: bool = False


@frozen
class IncidentOptions:
    """``incidents``: ``close`` is the number of the one that ``name`` closes with ``text``; None lists all."""

    common: Common
    close: int | None = None
    name: str = ""
    text: str = ""


@frozen
class InspectOptions:
    """``status``, ``positions``, ``orders``, ``trades``, ``signals``, ``runs`` and the other tables.

    ``month`` is like 2025-05, ``csv`` a file to write the rows to (``-``: stdout). ``run`` None is the newest; ``limit`` the most rows (the newest), ``since_ms`` UTC milliseconds.
    """

    common: Common
    view: Literal[
        "status",
        "positions",
        "orders",
        "trades",
        "signals",
        "fills",
        "equity",
        "funding",
        "runs",
        "risk",
    ]
    run: str | None = None
    symbol: str | None = None
    since_ms: int | None = None
    limit: int | None = None
    open_only: bool = False
    verdict: str | None = None
    csv: Path | None = None
    month: str | None = None


@frozen
class QualityOptions:
    """``quality``: ``run`` None is the newest ghost run, ``every`` all of them; ``html`` a page to write."""

    common: Common
    run: str | None = None
    every: bool = False
    html: Path | None = None


@frozen
class ReportOptions:
    """``report``: ``month`` like 2025-05, or from ``first`` to ``last`` (UTC ms), or the ``last_ms``.

    ``csv`` is a directory, ``benchmarks`` are ``FILE`` or ``FILE:NAME``; ``due`` writes what is missing.
    """

    common: Common
    month: str | None = None
    first: int | None = None
    last: int | None = None
    last_ms: int | None = None
    mode: str | None = None
    run: str | None = None
    html: Path | None = None
    csv: Path | None = None
    benchmarks: tuple[str, ...] = ()
    advice: bool = True
    due: bool = False


@frozen
class ReplayOptions:
    """``replay``: ``run`` None is the newest; up to ``until_ms`` (UTC ms, with it), None for all of it.

    ``explain`` is a signal's number or an order's id, whose chain is shown instead. ``strategy`` is FILE:CLASS.
    """

    common: Common
    run: str | None = None
    until_ms: int | None = None
    anyway: bool = False
    strategy: str | None = None
    explain: str | None = None


@frozen
class SlippageOptions:
    """``slippage``: ``run`` None is the newest that traded at an exchange; ``csv`` a file for the fills."""

    common: Common
    run: str | None = None
    csv: Path | None = None


@frozen
class CompareOptions:
    """``compare``: two runs, each ``RUN`` or ``DIR#RUN``; ``limit`` the most differences."""

    common: Common
    first: str
    second: str
    limit: int | None = None


@frozen
class ControlOptions:
    """``halt``, ``resume`` and ``close-all``.

    ``wait_s``: how long to wait for the engine, or for everything to be closed (None: as is usual for what is closed).
    """

    common: Common
    action: Literal["halt", "resume", "close-all"]
    run: str | None = None
    reason: str = ""
    who: str = ""
    wait_s: float | None = None
    yes: bool = False
    review: Path | None = None
    account: str | None = None
    paper: bool = False
    dry_run: bool = False

    @property
    def answer_s(self) -> float:
        """Seconds that an engine has to answer."""
        return 5.0 if self.wait_s is None else self.wait_s


@frozen
class DbOptions:
    """``db verify``, ``backup``, ``export`` (of ``run``), ``restore`` and ``rekey``; ``target`` is the copy, or the new key's file, ``force`` for making one.

    ``heads`` are heads noted elsewhere, which the chain must hold: ``seq:hash``.
    """

    common: Common
    action: Literal["verify", "backup", "restore", "rekey", "export"]
    target: Path | None = None
    run: str = ""
    force: bool = False
    heads: tuple[str, ...] = ()


@frozen
class InitOptions:
    """``init``: what goes into the new file (None: ask, or the default); ``asking`` allows questions."""

    common: Common
    symbols: tuple[str, ...] | None = None
    strategy: str | None = None
    start_equity: str | None = None
    force: bool = False
    asking: bool = True


@frozen
class VenueOptions:
    """``venue``: ``clock`` is the venue's first time (UTC ms, None: now), ``port`` ``N`` or ``HOST:N``."""

    files: tuple[Path, ...] = ()
    port: str = "0"
    market: str = "sim"
    recording: Path | None = None
    faults: Path | None = None
    account: Path | None = None
    clock: int | None = None
    ledger: Path | None = None
    seed: int = 1
    symbols: tuple[str, ...] | None = None
    duration_ms: int | None = None
    json: bool = False


@frozen
class DownloadOptions:
    """``download``: days from ``first`` to ``last``, both included; ``folder`` is the root of the files."""

    common: Common
    symbols: tuple[str, ...]
    first: date
    last: date
    timeframe: str
    kind: str
    folder: Path


def parse_day(text: str, key: str) -> date:
    """Return an ISO-8601 day; UsageError for what is none."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f'"{text}" is no day', hint="write it as 2025-05-01", key=key) from None


def parse_params(items: tuple[str, ...]) -> dict[str, object]:
    """Return ``strategy.params.*`` keys of ``name=value`` texts; UsageError for another form."""
    parsed: dict[str, object] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not re.fullmatch(r"\w+", name.strip()):
            raise UsageError(
                f"--param {item}: not of the form name=value", hint="for example --param fast=10"
            )
        parsed[f"strategy.params.{name.strip()}"] = value.strip()
    return parsed


def parse_symbols(text: str | None) -> tuple[str, ...] | None:
    """Return the symbols of a comma separated list, None for None."""
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_duration(text: str | None) -> int | None:
    """Return a duration like ``24h``, ``90m`` or ``1h30m`` in milliseconds, None for None."""
    if text is None:
        return None
    word = text.strip().lower()
    parts = _PART.findall(word)
    total = round(sum(float(count) * _UNITS[unit] for count, unit in parts))
    if "".join(count + unit for count, unit in parts) != word or total <= 0:
        raise UsageError(
            f'"{text}" is no duration', hint="write a number and a unit: 30s, 90m, 24h, 7d, 1h30m"
        )
    return total


def parse_wait(text: str) -> float:
    """Return how long to wait, in seconds, of a number of seconds or a duration like ``10m``."""
    try:
        seconds = float(text)
    except ValueError:
        return (parse_duration(text) or 0) / 1000
    if not 0 <= seconds < 1e9:  # neither negative nor what is no number
        raise UsageError(f'"{text}" is no time to wait', hint="--wait 30, --wait 10m")
    return seconds


def parse_time(text: str | None) -> int | None:
    """Return an ISO-8601 time (UTC unless it says otherwise) in milliseconds, None for None."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f'"{text}" is no time', hint="write it as 2025-01-06 or 2025-01-06T06:00Z (UTC)"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
