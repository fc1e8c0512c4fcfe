"""The doctor: looks at everything a run will need and says, line by line, what is wrong and the way out.

Each check is a function that returns rows; none of them changes anything. What an exchange is asked is in
``doctor_exchange``; nothing else uses the network.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from tradebot import __version__
from tradebot.app.doctor_alerts import check_alerts
from tradebot.app.doctor_exchange import ask_exchange
from tradebot.app.finding import Row, Status, judge_symbol, profiles_of
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.times import iso
from tradebot.guard.instance import instance_id
from tradebot.guard.latch import halt_present, read_halts
from tradebot.guard.lock import lock_owner
from tradebot.journal.audit import AuditKey
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.schema import check_structure
from tradebot.market.embedded.coins import COINS
from tradebot.plugins.strategies import load_strategy

OLDEST_PYTHON = (3, 11)
SCREEN = (80, 24)

GIB, MIB = 1 << 30, 1 << 20
LITTLE_DISK, NO_DISK = GIB, 100 * MIB
CHECKED_BYTES = 500 * MIB
"""Journals larger than this are not read through: `tradebot db verify` does that."""

BORN = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""

TIME_ERROR = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""


def examine(
    load: Callable[[], Config],
    env: Mapping[str, str],
    *,
    offline: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Return all rows. Without a configuration that loads, what depends on it is left out.

    An exchange is asked where prices or an account of one are configured, unless it is ``offline``; ``told`` hears what
    it is waited for.
    """
    rows = [_python(), _terminal(env)]
    try:
        config = load()
    except TradebotError as error:
        text = f"{error}; the checks that need it were left out"
        return [*rows, Row("config", "fail", text, error.hint), _clock(None)]
    rows += [_config(config), *examine_here(config), *check_alerts(config)]
    asked = [_UNASKED] if offline else list(ask_exchange(config, env, told))
    if not any(row.check == "symbol" for row in asked):
        asked += _symbols(config, config.data_dir())
    return rows + asked


def examine_here(config: Config) -> list[Row]:
    """Return what this machine says: directory, journal, lock, disk, clock, audit key and strategy."""
    rows: list[Row] = []
    for name, check in _CHECKS.items():
        try:
            rows += check(config, config.data_dir())
        except TradebotError as error:
            rows.append(Row(name, "fail", str(error), error.hint))
    return rows


_UNASKED = Row("exchange", "ok", "not asked: --offline")


# -- the machine ------------------------------------------------------------------------------------


def _python() -> Row:
    text = f"{platform.python_version()} on {platform.system()}, tradebot {__version__}"
    if sys.version_info < OLDEST_PYTHON:
        return Row("python", "fail", text, "install Python 3.11 or newer")
    return Row("python", "ok", text)


def _terminal(env: Mapping[str, str]) -> Row:
    if not sys.stdout.isatty():
        return Row("terminal", "ok", "not a terminal: no screen, runs write lines")
    width, height = shutil.get_terminal_size()
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    text = f"{width}x{height}, {env.get('TERM', 'no TERM')}, {sys.stdout.encoding}"
    if width < SCREEN[0] or height < SCREEN[1]:
        hint = f"make it at least {SCREEN[0]}x{SCREEN[1]} for the screens; --headless needs none"
        return Row("terminal", "warn", text, hint)
    if encoding != "utf8":
        return Row("terminal", "warn", text, "set a UTF-8 locale, such as LANG=C.UTF-8")
    if env.get("TERM", "dumb") == "dumb":
        return Row("terminal", "warn", text, "set TERM, such as xterm-256color")
    return Row("terminal", "ok", text)


def _disk(_: Config, data_dir: Path) -> Iterator[Row]:
    free = shutil.disk_usage(_existing(data_dir)).free
    text = f"{free / GIB:.1f} GiB free"
    hint = "free some space, or choose another place with --data-dir"
    if free < NO_DISK:
        yield Row("disk", "fail", text, hint)
    elif free < LITTLE_DISK:
        yield Row("disk", "warn", text, hint, live="fail")
    else:
        yield Row("disk", "ok", text)


def _clock_row(_: Config, data_dir: Path) -> Iterator[Row]:
    newest = None
    with (
        suppress(TradebotError),
        Reader(journal_path(data_dir)) as reader,
    ):  # else there is a row on it
        newest = max((run.resumed or run.started for run in reader.runs()), default=None)
    yield _clock(newest)


def _clock(newest: int | None) -> Row:
    """Judge the clock by itself, by the kernel, and by the journal's newest start (UTC ms)."""
    now = datetime.fromtimestamp(SYSTEM.wall_ms() / 1000, UTC)
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    set_it = "set the clock and keep it with NTP"
    if now < BORN:
        return Row("clock", "fail", f"{text}; that cannot be", set_it)
    if newest is not None and newest > now.timestamp() * 1000 + 1000:
        went_back = f"{text}; the journal has a run of {iso(newest)}: the clock went back"
        return Row("clock", "fail", went_back, set_it)
    if _synchronised() is False:
        hint = f"{set_it}; paper runs do not need it, a real exchange does"
        return Row("clock", "warn", f"{text}; the system says it is not synchronised", hint)
    return Row("clock", "ok", text)


def _synchronised() -> bool | None:
    """Return whether the kernel's clock is kept by NTP; None where that cannot be asked."""
    if sys.platform != "linux":
        return None
    state = ctypes.create_string_buffer(512)  # struct timex, modes = 0: only asks
    try:
        answer = int(ctypes.CDLL(None).adjtimex(state))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR


# -- configuration and state ------------------------------------------------------------------------


def _config(config: Config) -> Row:
    if config.file is None:
        return Row("config", "ok", "no file: the built-in defaults" + _set_by(config))
    return Row("config", "ok", str(config.file) + _set_by(config))


def _set_by(config: Config) -> str:
    """Return how many keys each source sets, in words."""
    kinds = Counter[str](config.origin(key).kind for key, _ in config.items())
    words = {"file": "the file", "env": "the environment", "set": "--set", "flag": "flags"}
    parts = [f"{kinds[kind]} by {word}" for kind, word in words.items() if kinds[kind]]
    return f"; keys set: {', '.join(parts)}" if parts else ""


def _data_dir(config: Config, data_dir: Path) -> Iterator[Row]:
    origin = config.origin("data.dir")
    whose = "the platform's" if origin.kind == "default" else f"from {origin}"
    text = f"{data_dir} ({whose})"
    if data_dir.exists() and not data_dir.is_dir():
        yield Row("data dir", "fail", f"{text} is not a directory", "choose another --data-dir")
        return
    place = _existing(data_dir)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        why = f"{text}: nothing can be written in {place}: {error.strerror}"
        yield Row("data dir", "fail", why, "give yourself the right to, or choose another place")
        return
    yield Row("data dir", "ok", text if place == data_dir else f"{text}; will be made")


def _existing(path: Path) -> Path:
    """Return the directory itself, or the nearest one above it that exists."""
    for place in (path, *path.absolute().parents):
        if place.is_dir():
            return place
    return Path(path.anchor or ".")


def _database(_: Config, data_dir: Path) -> Iterator[Row]:
    path = journal_path(data_dir)
    if not path.exists():
        yield Row("database", "ok", "none yet: the first run makes it")
        return
    with Reader(path) as reader:  # refuses another program's, a newer one's, and nonsense
        runs = reader.runs()
    size = path.stat().st_size
    if size <= CHECKED_BYTES:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            try:
                check_structure(db, path)
            except sqlite3.Error as error:
                hint = "restore it from a backup, or move it away to start anew"
                yield Row("database", "fail", f"{path}: {error}", hint)
                return
    standing = sum(run.state == "interrupted" for run in runs)
    text = f"{path}, {size / MIB:.1f} MiB, {len(runs)} runs, {standing} interrupted"
    yield Row("database", "ok", text)


def _lock(_: Config, data_dir: Path) -> Iterator[Row]:
    owner = lock_owner(data_dir)
    if owner is None:
        yield Row("lock", "ok", "free: no engine runs here")
    else:
        text = f"held: an engine runs here (process {owner.pid})"
        yield Row("lock", "ok", text, live="fail")
    if halt_present(data_dir):
        why = "; ".join(f"{halt.reason} ({halt.who})" for halt in read_halts(data_dir))
        text = f"the HALT file is there, so no entry leaves: {why or 'no reason was kept'}"
        yield Row("halt", "warn", text, "tradebot resume --reason TEXT removes it", live="fail")
    if (data_dir / "instance").exists():
        yield Row("instance", "ok", instance_id(data_dir))


def _audit_key(_: Config, data_dir: Path) -> Iterator[Row]:
    backend = _keyring()
    key = AuditKey.find(data_dir)
    strong = "unlock or install an OS keyring, or set TRADEBOT_AUDIT_KEY"
    if key is not None:
        status: Status = "warn" if key.source == "file" else "ok"
        text = f"{key.strength} ({key.fingerprint})"
        yield Row("audit key", status, text, strong if status == "warn" else None)
    elif journal_path(data_dir).exists():
        text = "there is a journal, but not the key it was written with"
        hint = "set TRADEBOT_AUDIT_KEY, unlock the keyring, or restore audit.key"
        yield Row("audit key", "fail", text, hint)
    elif backend is None:
        text = "no OS keyring: the first run will keep the audit key in a file beside the journal"
        yield Row("audit key", "warn", text, strong)
    else:
        yield Row("audit key", "ok", f"none yet: the first run puts it into {backend}")


def _keyring() -> str | None:
    """Return the name of the OS keyring in use; None when there is none that works.

    Backends raise what they like while they are being found.
    """
    import keyring  # slow to import

    try:
        backend = keyring.get_keyring()
        usable = backend.priority > 0
    except Exception:
        return None
    return str(backend.name) if usable else None


# -- what is to be traded ---------------------------------------------------------------------------


def _strategy(config: Config, _: Path) -> Iterator[Row]:
    chosen = config.strategy
    spec = load_strategy(chosen.name, config.strategy_dir(), chosen.params)
    params = ", ".join(f"{name} = {value}" for name, value in chosen.params.items())
    text = f"{spec.name} on {chosen.timeframe} bars, {params or 'its parameters at their defaults'}"
    yield Row("strategy", "ok", text)


def _symbols(config: Config, data_dir: Path) -> Iterator[Row]:
    """Judge each symbol by the limits in force, and by the live ones where live is switched on."""
    known = _last_prices(data_dir)
    for symbol in config.market.symbols:
        instrument = INSTRUMENTS.get(symbol)
        if instrument is None:
            yield Row(
                "symbol", "fail", f"{symbol} is not known", f"known: {', '.join(INSTRUMENTS)}"
            )
            continue
        price = known.get(symbol, Decimal(str(COINS[symbol].price)))
        source = "last seen" if symbol in known else "the embedded market's"
        for profile, limits in profiles_of(config).items():
            yield judge_symbol(instrument, profile, limits, price, source)


def _last_prices(data_dir: Path) -> dict[str, Decimal]:
    """Return the newest run's prices; none where there is no journal that can be read."""
    try:
        with Reader(journal_path(data_dir)) as reader:
            run = reader.newest_run()
            shown = None if run is None else reader.snapshot(run.id)
    except TradebotError:
        return {}
    return {} if shown is None else dict(shown.prices)


_CHECKS: dict[str, Callable[[Config, Path], Iterator[Row]]] = {
    "data dir": _data_dir,
    "database": _database,
    "lock": _lock,
    "disk": _disk,
    "clock": _clock_row,
    "audit key": _audit_key,
    "strategy": _strategy,
}

__all__ = ["Row", "Status", "examine"]
