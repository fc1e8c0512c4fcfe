"""Where a run's prices come from and its orders go is on record: at its start, once an hour, at its end."""

from __future__ import annotations

import ast
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from kits.binance_kit import running, scene
from kits.paper_kit import START, Bot

import tradebot
from tradebot.app.feed_watch import SILENT_MS
from tradebot.app.provenance import FeedTime
from tradebot.app.venue import simulated_feed
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.facts import Provenance
from tradebot.journal.projection import fact_body, read_fact

BTC = "BTC/USDT"
PACKAGE = Path(tradebot.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def rows_of(db: Path) -> list[tuple[str, Provenance]]:
    with sqlite3.connect(db) as opened:
        found = opened.execute("SELECT run, body FROM audit WHERE kind = 'Provenance' ORDER BY seq")
        rows = [(run, read_fact("Provenance", body)) for run, body in found]
    opened.close()
    return [(run, row) for run, row in rows if isinstance(row, Provenance)]


# -- nobody can claim what is not so ----------------------------------------------------------------


def calls(name: str) -> set[str]:
    """Return where in the package a class or function is called."""
    found = set()
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        if f"{name}(" in source and any(map(partial(_calls, name), ast.walk(ast.parse(source)))):
            found.add(path.relative_to(PACKAGE).as_posix())
    return found


def _calls(name: str, node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return name == (called.id if isinstance(called, ast.Name) else getattr(called, "attr", ""))


def test_one_place_makes_a_peer_and_only_of_a_connection() -> None:
    assert calls("Peer") == {"wire/peers.py"}
    assert calls("peer_of") == {"wire/peers.py"}
    assert calls("see") & {"wire/client.py", "wire/peers.py"} == {"wire/peers.py"}
    assert calls("SeeingConnector") == {"wire/client.py"}
    source = ast.parse((PACKAGE / "wire" / "peers.py").read_text(encoding="utf-8"))
    makers = [
        node.name
        for node in ast.walk(source)
        if isinstance(node, ast.FunctionDef) and any(map(partial(_calls, "Peer"), ast.walk(node)))
    ]
    assert makers == ["peer_of"]


def test_one_place_writes_provenance() -> None:
    assert calls("Provenance") == {"app/provenance.py"}
    assert calls("Witness") == {"app/hosting.py"}


def test_what_a_feed_is_connected_to_is_no_option() -> None:
    """The names of the exchange are compared with in one place, by the peer's own name and address."""
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if "place_of(" in path.read_text(encoding="utf-8")
    }
    assert {"wire/peers.py", "wire/places.py"} <= users
    assert not users & {"config/model.py", "config/load.py", "wire/hosts.py", "app/provenance.py"}


# -- the rows -------------------------------------------------------------------------------------


def test_a_row_is_read_as_it_was_written() -> None:
    row = Provenance(
        *("n", "start", "live", (("h", "1.2.3.4"),), (), (), "BINANCE", "1", "live"),
        *(1, 2, 3, 4, 5, 6, 7, "0.1.0", "abc"),
    )
    body = fact_body(row)
    assert read_fact("Provenance", body) == row
    for wrong in (body.replace('"wall":1', '"wall":"1"'), body.replace('"nonce":"n",', ""), "[]"):
        with pytest.raises(ValueError, match="Provenance"):
            read_fact("Provenance", wrong)


async def test_a_run_on_a_venue_of_this_machine_says_so(tmp_path: Path) -> None:
    async with (
        scene(lambda now: simulated_feed((BTC,), 1, now), START, (BTC,)) as made,
        running(made, tmp_path, "ema_cross", {}) as run,
    ):
        await run.until(lambda: len(rows_of(tmp_path / "tradebot.db")) == 1, pace=50)
        assert sum("the audit key lies beside the journal" in text for text in run.said) == 1
        made.clock.advance(HOUR_MS)
        await run.until(lambda: len(rows_of(tmp_path / "tradebot.db")) == 2, pace=50)
    start, hourly, end = (row for _, row in rows_of(tmp_path / "tradebot.db"))
    assert [row.why for row in (start, hourly, end)] == ["start", "hourly", "end"]
    for row in (start, hourly, end):
        assert (
            row.environment == "live"
        )  # what is configured; what counts is whom it was connected to
        assert row.rest == row.stream == (("", "127.0.0.1"),)
        assert (row.orders, row.speed, row.profile) == ((), "1", "paper")
        assert row.evidence == start.evidence
        assert len(row.evidence) == 64
    assert hourly.wall - start.wall >= HOUR_MS
    assert hourly.gap_ms >= HOUR_MS - 2 * SILENT_MS  # the clock was moved on by an hour at once
    assert end.up_ms + end.gap_ms == end.wall - start.wall


def test_the_embedded_market_and_files_have_no_connections(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    bot("paper", "--headless", "--speed", "max", "--for", "10m", "--ghost")
    bot("paper", bot.klines(10), "--headless", "--speed", "max", "--profile", "live", "--new")
    rows = rows_of(tmp_path / "data" / "tradebot.db")
    said: dict[str, list[tuple[str, ...]]] = {}  # of one commit, rows of one run stand together
    for run, row in rows:
        said.setdefault(run, []).append((row.why, row.environment, row.speed, row.profile))
    for run, footing in (
        ("paper-0001", ("embedded", "max", "paper")),
        ("ghost-0001", ("embedded", "max", "paper")),
        ("paper-0002", ("files", "max", "live")),
    ):
        assert said.pop(run) == [("start", *footing), ("end", *footing)]
    assert not said
    assert all((row.rest, row.stream, row.orders) == ((), (), ()) for _, row in rows)
    assert all(row.skew_ms > 2000 for _, row in rows)


# -- for how long a feed spoke --------------------------------------------------------------------

LOOKS: dict[str, tuple[list[tuple[int, int]], tuple[int, int, int]]] = {
    "it speaks": ([(1, 0), (2, 900), (3, 0)], (0, 0, 0)),
    "a pause that is none yet": ([(4, 4000), (5, SILENT_MS), (6, 0)], (0, 0, 0)),
    "one gap": ([(4, 4000), (5, 5001), (6, 6001), (7, 500)], (6500, 1, 6000)),
    "still silent": ([(3, 3000), (6, 6000), (9, 9000)], (9000, 1, 9000)),
    "the process was away": ([(1, 0), (30, 0), (31, 0)], (30_000 - 1000, 1, 29_000)),
}


@pytest.mark.parametrize("case", LOOKS)
def test_for_how_long_a_feed_was_silent(case: str) -> None:
    looks, (silent, gaps, longest) = LOOKS[case]
    feed = FeedTime(0)
    for second, quiet in looks:
        feed.look(second * 1000, quiet)
    assert (feed.silent(looks[-1][0] * 1000), feed.gaps, feed.longest) == (silent, gaps, longest)
