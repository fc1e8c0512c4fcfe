"""Plays scenarios, two side by side where the machine has the cores, each in a directory and processes of its own."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.drill.desk import DrillDesk, SlowError
from tradebot.app.drill.ground import DrillGround, ground_of
from tradebot.app.drill.machine import Machine, OverError
from tradebot.app.drill.scenario import Scenario, Tale
from tradebot.app.drill.voice import NAME, write_voice
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import ConfigError, TradebotError
from tradebot.core.model.money import ZERO
from tradebot.plugins.strategies import load_strategy

FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM = 2 << 30
"""Bytes that must be free: live wants one GiB to be left."""

SIDE_BY_SIDE = 3
"""Scenarios played at once at most: one more than there are cores, since most of the time each waits."""


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """How a scenario went. ``why`` is what was wrong, "" where it is ok.

    ``naked_s`` is for how long a position was without a whole stop while our process ran, ``overshoot`` by how many USDT the limit
    ``over`` was overrun; ``seconds`` is how long it took on the wall.
    """

    scenario: str
    done: str
    did: str
    naked_s: float
    overshoot: Decimal
    over: str
    why: str
    sentence: str
    scripted: bool
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.why

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "ok": self.ok}


Heard = Callable[[ScenarioResult], None]


def play_all(
    config: Config,
    scenarios: Sequence[Scenario],
    heard: Heard = lambda _: None,
    *,
    folder: Path,
) -> list[ScenarioResult]:
    """Play scenarios below a directory and return how each went, in their order; ``heard`` is told of each as it ends.

    ConfigError where the configuration cannot be drilled. Nothing of ours runs any more when this returns or raises.
    """
    ground = ground_of(config, _hash_of_voice(config, folder))
    over = threading.Event()
    width = min(SIDE_BY_SIDE, (os.cpu_count() or 1) + 1, len(scenarios))
    with ThreadPoolExecutor(width, thread_name_prefix="drill") as pool:
        futures = [pool.submit(_played, one, ground, folder / one.name, over) for one in scenarios]
        try:
            return list(_heard(futures, heard))
        finally:
            over.set()
            for future in futures:
                future.cancel()


def _heard(futures: Sequence[Future[ScenarioResult]], heard: Heard) -> Iterator[ScenarioResult]:
    """Yield outcomes in their order; an interruption comes through between two looks."""
    for future in futures:
        while not future.done():
            with suppress(TimeoutError):
                future.exception(timeout=0.2)
        outcome = future.result()
        heard(outcome)
        yield outcome


def _hash_of_voice(config: Config, folder: Path) -> str:
    """Return the hash of the drill's own strategy, which is the same in every scenario."""
    write_voice(folder, config.strategy.name, config.strategy_dir(), dict(config.strategy.params))
    return load_strategy(NAME, folder).hash


def _played(
    scenario: Scenario, ground: DrillGround, folder: Path, over: threading.Event
) -> ScenarioResult:
    """Play one, once more where its start was slower than the bar it needs; ConfigError and OverError end the drill."""
    begun = SYSTEM.monotonic()
    try:
        return _once(scenario, ground, folder, over, begun)
    except SlowError:
        shutil.rmtree(folder)
        return _once(scenario, ground, folder, over, begun)


def _once(
    scenario: Scenario, ground: DrillGround, folder: Path, over: threading.Event, begun: float
) -> ScenarioResult:
    folder.mkdir(mode=0o700)
    machine = Machine(folder, over)
    desk: DrillDesk | None = None
    told, why = Tale("", ""), ""
    try:
        try:
            desk = DrillDesk.opened(ground, scenario.scene, machine)
            told = scenario.play(desk)
            desk.end()
        except (ConfigError, OverError, SlowError):
            raise
        except TradebotError as error:
            why = str(error)
        except OSError as error:
            if error.errno in FULL:
                raise no_room(error.strerror or "no room") from None
            why = f"{type(error).__name__}: {error}"
        return _judged(scenario, desk, told, why, SYSTEM.monotonic() - begun)
    finally:
        machine.end_all()


def _judged(
    scenario: Scenario, desk: DrillDesk | None, told: Tale, why: str, seconds: float
) -> ScenarioResult:
    naked, over, limit, scripted, broken = 0.0, ZERO, "", True, []
    if desk is not None:
        try:
            oracle = desk.judged()
            naked, broken = oracle.naked_s, oracle.broken
            over, limit = desk.overshoot()
            scripted = desk.scripted()
        except OSError as error:
            broken = [f"the venue's record cannot be read: {error}"]
    reasons = [*([why] if why else []), *broken]
    return ScenarioResult(
        *(scenario.name, scenario.done, told.did, naked, over, limit, "; ".join(reasons)),
        *(told.sentence, scripted, seconds),
    )


def no_room(why: str) -> TradebotError:
    """Return that there is no room for the drill's own directory."""
    return TradebotError(
        f"there is no room for the drill's directory in {tempfile.gettempdir()}: {why}",
        hint=f"it needs {ROOM >> 30} GiB, as live does: make room, or name another place in TMPDIR",
    )


@contextmanager
def directory(*, keep: bool) -> Iterator[Path]:
    """Give a directory of the drill's own; it is gone afterwards, however it ends, unless it is to be kept.

    TradebotError where there is no room for one.
    """
    try:
        if (free := shutil.disk_usage(tempfile.gettempdir()).free) < ROOM:
            raise no_room(f"{free >> 20} MiB are free")
        folder = Path(tempfile.mkdtemp(prefix="tradebot-drill-"))
    except OSError as error:
        raise no_room(error.strerror or str(error)) from None
    try:
        yield folder
    finally:
        if not keep:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a directory; who interrupts that is heard when it is gone."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise


__all__ = ["ScenarioResult", "directory", "play_all"]
