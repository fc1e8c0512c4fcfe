"""The watch over one engine, by the millisecond: an engine that is only its state, and events as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from tradebot.app.incident_watch import IncidentWatch, Seen
from tradebot.app.incidents import Incidents
from tradebot.app.traces import Trace, traces_of
from tradebot.core.model.effects import AccountCompared, Effect, FillBooked, Halted
from tradebot.core.model.events import AccountRead, RunStarted, VenueNote, WakeUp
from tradebot.core.model.values import Fill, Order, OrderStatus, OrderType, Purpose, Side
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.engine import Engine
from tradebot.guard.diary import Diary
from tradebot.journal.rows import RunBegun
from tradebot.journal.testimony import Said

ETH = "ETH/USDT"
T0 = 1_746_057_600_000
D = Decimal


@dataclass
class Book:
    symbol: str = ETH
    bare_since: int = 0


@dataclass
class Table:
    live: dict[str, TrackedOrder] = field(default_factory=dict)


@dataclass
class State:
    """What the watch sees of an engine."""

    books: dict[str, Book] = field(default_factory=lambda: {ETH: Book()})
    table: Table = field(default_factory=Table)


class Scene:
    def __init__(self) -> None:
        self.state = State()
        self.watch = IncidentWatch(cast("Engine", self.state))

    def at(self, ms: int, event: Any = None, *effects: Effect) -> list[Seen]:
        return self.watch.take(event or WakeUp(T0 + ms, "x"), effects)

    def bare(self, ms: int | None) -> None:
        self.state.books[ETH].bare_since = 0 if ms is None else T0 + ms

    def unknown(self, name: str, sent: int, *, closing: bool = False) -> TrackedOrder:
        purpose = Purpose.EXIT if closing else Purpose.ENTRY
        order = Order(
            *(name, ETH, Side.BUY, OrderType.MARKET, D(1)), reduce_only=closing, purpose=purpose
        )
        tracked = TrackedOrder.sent(order, 0, T0 + sent)
        tracked.status = OrderStatus.UNKNOWN
        self.state.table.live[name] = tracked
        return tracked


def booked(ms: int, *, liquidation: bool = False) -> FillBooked:
    fill = Fill(ETH, 1, "x", Side.BUY, D(1), D(3600), D(0), False, T0 + ms, liquidation=liquidation)
    return FillBooked(T0 + ms, fill, D(1), D(3600), D(0))


@pytest.mark.parametrize(("ms", "count"), [(4_999, 0), (5_000, 0), (5_001, 1)])
@pytest.mark.parametrize("covered", [False, True])
def test_a_position_without_a_stop_over_5_s(ms: int, count: int, covered: bool) -> None:
    """Found while it is bare, and as well when it is covered, or gone, at the very next look."""
    scene = Scene()
    scene.bare(0)
    assert scene.at(0) == []
    scene.bare(None if covered else 0)
    assert len(scene.at(ms, None, booked(ms))) == count


def test_one_bare_time_is_told_once_and_the_next_one_anew() -> None:
    scene = Scene()
    scene.bare(0)
    said = [scene.at(second * 1000) for second in range(12)]
    assert [len(some) for some in said] == [0] * 6 + [1] + [0] * 5
    assert said[6] == [Seen("unprotected", f"{ETH}: no stop in place for 6.0 s")]
    scene.bare(None)
    assert scene.at(12_000) == []
    scene.bare(13_000)
    assert [len(scene.at(ms)) for ms in (13_000, 18_000, 19_001)] == [0, 0, 1]


def test_it_counts_from_the_fill_where_that_was_told_late() -> None:
    scene = Scene()
    scene.bare(3_000)
    assert scene.at(3_000, None, booked(0)) == []
    assert [len(scene.at(ms)) for ms in (5_000, 6_001)] == [0, 1]


@pytest.mark.parametrize(("still", "count"), [(True, 1), (False, 0)])
def test_after_a_restart_the_account_is_read_before_anything_is_said(
    still: bool, count: int
) -> None:
    """It was there all the time, or it was not: the engine that is gone cannot have seen it."""
    scene = Scene()
    scene.bare(0)
    begun = RunStarted(T0 + 40_000, "live-0001", "abcdef", "1", "h", True)
    assert scene.at(40_000, begun) == []
    assert scene.at(41_500) == []
    scene.bare(0 if still else None)
    read = AccountRead(T0 + 42_000, "", T0, T0)
    found = [*scene.at(42_000, read, booked(42_000)), *scene.at(43_500), *scene.at(45_000)]
    assert len(found) == count


@pytest.mark.parametrize(("ms", "count"), [(60_000, 0), (60_001, 1)])
def test_an_unknown_order_that_can_open_something(ms: int, count: int) -> None:
    scene = Scene()
    scene.unknown("tb-1e", 0)
    assert scene.at(5_000) == []
    assert len(scene.at(ms, None, booked(ms))) == count
    assert len(scene.at(ms + 2_000)) == 1 - count
    assert scene.at(ms + 4_000) == []


@pytest.mark.parametrize(
    ("ms", "bare", "count"), [(150_000, 1, 0), (150_001, 1, 1), (900_000, 0, 0)]
)
def test_an_unknown_protective_order_while_nothing_else_protects(
    ms: int, bare: int, count: int
) -> None:
    scene = Scene()
    scene.unknown("tb-1x", 0, closing=True)
    scene.bare(ms - 1_000 if bare else None)
    assert [seen.what for seen in scene.at(ms, None, booked(ms))] == ["unknown_order"] * count


def test_an_order_is_not_unknown_while_nobody_ran() -> None:
    scene = Scene()
    tracked = scene.unknown("tb-1e", 0)
    scene.at(90_000, RunStarted(T0 + 90_000, "live-0001", "abcdef", "1", "h", True))
    assert scene.at(149_000) == []
    tracked.heard_at = T0 + 149_500
    assert scene.at(151_000) == []


def test_halts_of_the_account_a_wallet_that_differs_and_others() -> None:
    scene = Scene()

    def halted(reason: str) -> list[Seen]:
        return scene.at(0, None, Halted(T0, reason, "words", 1))

    for reason in ("account", "ledger", "foreign", "instance", "unexplained"):
        assert halted(reason) == [Seen("reconcile", f"{reason}: words")]
    for reason in ("user", "day_loss", "config", "journal", "exit", "ban"):
        assert halted(reason) == []
    differs = AccountCompared(T0, "", D(10), D("10.01"), ("the venue's wallet is 10",))
    assert scene.at(0, None, differs) == []
    assert halted("account") == [Seen("cent", "words")]
    assert scene.at(
        0, None, AccountCompared(T0, "", D(10), D(10)), Halted(T0, "account", "w", 1)
    ) == [Seen("reconcile", "account: w")]
    note = VenueNote(T0, "banned", "for 30 s", "ban")
    assert scene.at(0, note, Halted(T0, "ban", "banned", 2)) == [
        Seen("ban", "the exchange has banned this address for 30 s")
    ]


def test_a_liquidation_in_parts_is_one() -> None:
    scene = Scene()
    parts = [booked(ms, liquidation=True) for ms in (0, 10, 20)]
    assert [seen.what for seen in scene.at(20, None, *parts)] == ["liquidation"]
    assert scene.at(900, None, booked(900, liquidation=True)) == []
    assert len(scene.at(61_000, None, booked(61_000, liquidation=True))) == 1


# -- what files tell ----------------------------------------------------------------------------------


def begun(run: str, mode: str, wall: int) -> Said:
    row = RunBegun(1, mode, "live", "m", None, "{}", "h", "s", "h", "n", "i", "v")
    return Said(wall, run, wall, wall, row)


def test_files_of_a_directory_tell_what_no_engine_could_write(tmp_path: Path) -> None:
    diary = Diary([tmp_path])
    diary.put("result", code=0, left=[])
    diary.put("result", code=3, why="away")
    diary.put("result", code=6, left=[{"symbol": ETH, "what": "position"}])
    diary.put("result", code=6, why="it could not be read")
    (tmp_path / "tradebot.hung").write_text("2025-05-01T00:10:00Z it hung\nstack\n")
    found = traces_of(tmp_path, [tmp_path])
    assert [trace.text for trace in found] == [
        "it hung",
        f"a close-all left something: {ETH} position",
        "a close-all left something: it could not be read",
    ]
    (tmp_path / "tradebot.hung").write_text("no time\n")
    assert len(traces_of(tmp_path, [tmp_path])) == 2


def test_only_what_was_of_a_live_run_counts_and_once() -> None:
    hung, left = Trace("watchdog", "it hung", 500), Trace("close_all", "it left", 600)
    assert Incidents([begun("paper-0001", "paper", 100)]).untold([hung, left]) == []
    rows = [begun("ghost-0001", "ghost", 99), begun("live-0001", "live", 100)]
    known = Incidents(rows)
    assert known.untold([Trace("close_all", "before", 50), hung, left]) == [hung, left]
    known.begin("live-0001", hung.what, hung.text, hung.at)
    assert known.untold([hung, left]) == [left]
    assert Incidents([*rows, begun("paper-0001", "paper", 400)]).untold([hung, left]) == [left]
