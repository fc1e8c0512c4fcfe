"""Playing runs again: byte-equal whatever they went through, and pointed at exactly where they are not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_compare import FAST, klines

import tradebot
from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.explain import explain
from tradebot.app.host import Setup, opened
from tradebot.app.replay import Replayed, replay_run
from tradebot.app.runner import Pace
from tradebot.config import load_config
from tradebot.core.model.codec import dumps
from tradebot.core.model.effects import Effect, TradeClosed
from tradebot.core.model.errors import JournalError, TradebotError, UsageError
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.snapshot import Heading
from tradebot.journal.export import export_run, exported_source
from tradebot.journal.reader import Reader
from tradebot.journal.seal import LIFE
from tradebot.market.feed import FileSource, SimulatedSource, Source
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import load_strategy

HOUR = 60 * MINUTE_MS

NO_EFFECTS = (*LIFE, "Command")


def setup(data_dir: Path, source: Source, *sets: str, **named: Any) -> Setup:
    config = load_config(
        None,
        {},
        ("strategy.params.fast=3", "strategy.params.slow=9", *sets),
        {"data.dir": str(data_dir)},
    )
    spec = load_strategy("ema_cross", config.base_dir, FAST)
    return Setup(config, source, spec, Pace(None, named.pop("for_ms", None)), **named)


def play(setup: Setup, stop_after: int | None = None) -> None:
    """Run it; ``stop_after`` so many trades it is interrupted."""
    closed: list[object] = []

    async def main() -> None:
        async with opened(setup) as (runner, cursor):
            for run in runner.runs:
                run._observe = lambda _, effects: seen(runner, effects)
            await runner.main(cursor)

    def seen(runner: Any, effects: Any) -> None:
        closed.extend(effect for effect in effects if isinstance(effect, TradeClosed))
        if stop_after is not None and len(closed) >= stop_after:
            runner.request_stop("enough")

    asyncio.run(main())


def again(data_dir: Path, run: str, **named: Any) -> Replayed:
    folder = named.pop("folder", Path())
    return replay_run(data_dir / "tradebot.db", run, folder, **named)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return klines(tmp_path_factory.mktemp("files") / "BTCUSDT-1m.csv")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Path:
    """A directory with a paper and a ghost run over a file, interrupted twice, then to its end."""
    data_dir = tmp_path_factory.mktemp("once")
    both = ("paper", "ghost")
    for trades in (2, 3, None):
        source = FileSource(open_files([file]))
        play(setup(data_dir, source, modes=both), trades)
    return data_dir


@pytest.mark.parametrize("run", ["paper-0001", "ghost-0001"])
def test_runs_over_files_are_what_they_were_across_restarts_and_packed(
    once: Path, run: str
) -> None:
    with closing(sqlite3.connect(once / "tradebot.db")) as db:
        assert db.execute("SELECT count(*) FROM blocks").fetchone()[0] > 2
        assert db.execute("SELECT count(*) FROM log").fetchone()[0] == 0
        recorded = db.execute(
            f"SELECT count(*) FROM audit WHERE run = ? AND kind NOT IN {NO_EFFECTS}",
            (run,),
        ).fetchone()[0]
    found = again(once, run)
    assert found.difference is None
    assert (found.starts, found.effects) == (3, recorded)
    assert recorded > 100


def test_embedded_market_with_funding_and_other_limits_after_a_restart(tmp_path: Path) -> None:
    """The ghost is shown funding and quotes; the second start has tighter limits than the first."""
    both = ("paper", "ghost")
    for sets, hours in (((), 2), (("risk.paper.position_value=300",), 3)):
        source = SimulatedSource(["BTC/USDT", "ETH/USDT"], 42)
        stop = 2 if hours == 2 else None
        play(setup(tmp_path, source, *sets, modes=both, for_ms=hours * HOUR), stop)
    for run in both:
        found = again(tmp_path, f"{run}-0001")
        assert found.difference is None
        assert found.starts == 2


def test_a_backtest_s_events_lead_to_the_same_effects_again(file: Path) -> None:
    config = load_config(None, {})
    spec = load_strategy("ema_cross", config.base_dir, FAST)
    events: list[Any] = []
    effects: list[Effect] = []

    def note(event: Any, wanted: Any) -> None:
        events.append(event)
        effects.extend(wanted)

    session = make_session(config, spec.build, ["BTC/USDT"], MINUTE_MS, sink=note)
    heading = Heading("backtest", "backtest", "files", "ema_cross", None, None)
    result = run_backtest(session, open_files([file]).steps(), lambda *_: heading, Notebook(), "")
    assert result.hashes["fills"]
    with exact():
        engine = Engine(session.engine.config, spec.build)
        replayed = [dumps(effect) for event in events for effect in engine.process(event)]
    assert replayed == [dumps(effect) for effect in effects]


def test_a_part_of_a_run(once: Path) -> None:
    whole = again(once, "ghost-0001")
    with Reader(once / "tradebot.db") as reader:
        middle = list(reader.events("ghost-0001"))[200].at
    part = again(once, "ghost-0001", until=middle)
    assert part.difference is None
    assert 0 < part.effects < whole.effects
    assert part.last <= middle
    nothing = again(once, "ghost-0001", until=0)
    assert (nothing.events, nothing.effects, nothing.difference) == (0, 0, None)


# -- what was changed ---------------------------------------------------------------------------------


@contextmanager
def changed(data_dir: Path, seq: int, sql: str, *values: object) -> Iterator[None]:
    """Have one audit row changed for a while."""
    with closing(sqlite3.connect(data_dir / "tradebot.db", isolation_level=None)) as db:
        before = db.execute("SELECT * FROM audit WHERE seq = ?", (seq,)).fetchone()
        db.execute(sql, (*values, seq))
        try:
            yield
        finally:
            db.execute(f"INSERT OR REPLACE INTO audit VALUES ({', '.join('?' * 8)})", before)


def effect_rows(data_dir: Path) -> list[tuple[int, str, int, str, str]]:
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db:
        return db.execute(
            f"SELECT seq, run, ts, kind, body FROM audit WHERE kind NOT IN {NO_EFFECTS} ORDER BY seq"
        ).fetchall()


DIGITS = "0123456789"


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_flipped_effect_is_pointed_at_exactly(once: Path, data: st.DataObject) -> None:
    seq, run, ts, kind, body = data.draw(st.sampled_from(effect_rows(once)))
    places = [i for i, char in enumerate(body) if char in DIGITS]
    place = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([d for d in DIGITS if d != body[place]]))
    other = body[:place] + digit + body[place + 1 :]
    with changed(once, seq, "UPDATE audit SET body = ? WHERE seq = ?", other):
        found = again(once, run).difference
    assert found is not None
    assert (found.audit, found.at) == (seq, ts)
    assert (found.was, found.now) == (f"{kind} {other}", f"{kind} {body}")
    with Reader(once / "tradebot.db") as reader:
        events = [row for row in reader.events(run) if row.seq == found.event]
    assert (
        [row.at for row in events] == [ts]
        if found.event
        else kind in ("GhostClosed", "EquityPoint")
    )


@pytest.mark.parametrize("nth", [0, 40, -1])
def test_an_effect_that_is_missing_is_told_with_its_event(once: Path, nth: int) -> None:
    seq, run, ts, kind, body = [r for r in effect_rows(once) if r[1] == "paper-0001"][nth]
    with changed(once, seq, "DELETE FROM audit WHERE seq = ?"):
        found = again(once, run).difference
    assert found is not None
    assert found.at == ts
    assert found.now == f"{kind} {body}"


def test_an_effect_too_many_is_told(once: Path) -> None:
    with closing(sqlite3.connect(once / "tradebot.db", isolation_level=None)) as db:
        seq = db.execute("SELECT max(seq) + 1 FROM audit").fetchone()[0]
        told = '{"at":5,"level":"info","text":"never said"}'
        row = (seq, "paper-0001", 5, 5, "Notify", told, "", "")
        db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        found = again(once, "paper-0001").difference
        db.execute("DELETE FROM audit WHERE seq = ?", (seq,))
    assert found is not None
    assert (found.audit, found.was, found.now) == (seq, f"Notify {told}", None)


# -- what cannot be played ----------------------------------------------------------------------------


@contextmanager
def begun_otherwise(data_dir: Path, **changes: str) -> Iterator[None]:
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db:
        seq, text = db.execute(
            "SELECT seq, body FROM audit WHERE kind = 'RunBegun' AND run = 'paper-0001'"
        ).fetchone()
    body = json.dumps({**json.loads(text), **changes})
    with changed(data_dir, seq, "UPDATE audit SET body = ? WHERE seq = ?", body):
        yield


def test_an_unknown_run(once: Path) -> None:
    with pytest.raises(UsageError, match="there is no run paper-0009"):
        again(once, "paper-0009")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "0.0.9"}, f"a run of tradebot 0.0.9, and this is {tradebot.__version__}"),
        ({"engine": ""}, "did not yet record how its engine was set up"),
    ],
)
def test_another_version_s_run_is_refused_and_its_decisions_compared_all_the_same(
    once: Path, changes: dict[str, str], words: str
) -> None:
    with begun_otherwise(once, **changes):
        with pytest.raises(UsageError, match=words) as refused:
            again(once, "paper-0001")
        found = again(once, "paper-0001", anyway=True)
    assert "--anyway" in str(refused.value.hint)
    assert found.decisions
    assert found.difference is None
    assert 10 < found.effects < again(once, "paper-0001").effects


def test_decisions_that_differ_are_told_too(once: Path) -> None:
    rows = [r for r in effect_rows(once) if r[1] == "paper-0001" and r[3] == "Place"]
    seq, run, *_, body = rows[3]
    other = body.replace('"qty":"', '"qty":"9')
    with changed(once, seq, "UPDATE audit SET body = ? WHERE seq = ?", other):
        found = again(once, run, anyway=True).difference
    assert found is not None
    assert found.audit == seq


def test_how_the_engine_was_set_up_cannot_be_read(once: Path) -> None:
    with begun_otherwise(once, engine='{"symbols":7}'), pytest.raises(JournalError, match="set up"):
        again(once, "paper-0001")


def test_another_strategy_is_none_to_play_with(tmp_path: Path, file: Path) -> None:
    own = tmp_path / "own.py"
    text = (Path(tradebot.__file__).parent / "core/strategy/ema_cross.py").read_text()
    own.write_text(text)
    config = load_config(None, {}, (f"strategy.name={own}:EmaCross",), {"data.dir": str(tmp_path)})
    spec = load_strategy(f"{own}:EmaCross", Path())
    play(Setup(config, FileSource(open_files([file])), spec, Pace(None, None)))
    # a run's configuration does not tell where people keep things
    with pytest.raises(UsageError, match="the strategy of paper-0001: strategy file cannot be"):
        again(tmp_path, "paper-0001")
    assert again(tmp_path, "paper-0001", strategy=f"{own}:EmaCross").equal
    assert again(tmp_path, "paper-0001", folder=tmp_path, strategy="breakout").equal
    own.write_text(text + "\n# mended\n")
    with pytest.raises(UsageError, match="is not what it was in paper-0001"):
        again(tmp_path, "paper-0001", folder=tmp_path)
    assert again(tmp_path, "paper-0001", folder=tmp_path, anyway=True).equal


def test_a_log_that_was_dropped_says_what_is_missing(once: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tradebot.db"
    with closing(sqlite3.connect(once / "tradebot.db")) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DELETE FROM blocks WHERE bars = 0 AND last < 200")
    with pytest.raises(JournalError, match=r"events \d+ to \d+ of paper-0001 are gone") as told:
        again(tmp_path, "paper-0001")
    assert "log.keep_days" in str(told.value.hint)


def test_a_log_that_cannot_be_played_is_one_error(tmp_path: Path, file: Path) -> None:
    play(setup(tmp_path, FileSource(open_files([file]))), 1)
    with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)) as db:
        assert db.execute("UPDATE log SET at = at - 10000000 WHERE seq = 29").rowcount == 1
    with pytest.raises(JournalError, match=r"event 29 of paper-0001 cannot be played"):
        again(tmp_path, "paper-0001")


# -- how a part of it came about ----------------------------------------------------------------------


def test_a_trade_is_explained_from_the_bar_to_the_exit_each_with_its_row(once: Path) -> None:
    path = once / "tradebot.db"
    with Reader(path) as reader:
        trade = reader.trades("paper-0001")[1]
        fills = reader.fills("paper-0001")
        events = {row.seq: row for row in reader.events("paper-0001")}
        effects = {row.seq: row for row in reader.effects("paper-0001")}
        orders = [o.id for o in reader.orders("paper-0001") if o.signal == trade.signal]
    links = explain(path, "paper-0001", str(trade.signal))
    steps = [link.step for link in links]
    assert steps[:5] == ["bar", "indicators", "signal", "gate", "order"]
    assert {"request", "answer", "execution", "fill", "stop", "trade"} <= set(steps)
    for link in links:
        row = (events if link.source == "log" else effects)[link.row]
        assert row.at == link.at
    entered = next(fill for fill in fills if fill.order_id == orders[0])
    assert any(x.text.startswith(f"{entered.order_id} {entered.side} ") for x in links)
    told = next(x.text for x in links if x.step == "trade")
    assert told.startswith(f"{trade.id}: {trade.side} ")
    stop = next(x.text.split()[0] for x in links if x.step == "stop")
    assert explain(path, "paper-0001", orders[0]) == links == explain(path, "paper-0001", stop)


def test_what_there_is_not_is_not_explained(once: Path) -> None:
    path = once / "tradebot.db"
    with pytest.raises(UsageError, match="paper-0001 has no order tb-7"):
        explain(path, "paper-0001", "tb-7")
    with pytest.raises(UsageError, match="paper-0001 has no signal 9999"):
        explain(path, "paper-0001", "9999")


def test_a_hypothetical_trade_is_in_its_signal_s_chain(once: Path) -> None:
    with Reader(once / "tradebot.db") as reader:
        signal = reader.ghosts("ghost-0001", state="closed")[0].signal
    links = explain(once / "tradebot.db", "ghost-0001", str(signal))
    ghosts = [link.text for link in links if link.step == "ghost"]
    assert ghosts[0].startswith("a hypothetical trade of 1000 USDT")
    assert "would be" in ghosts[1]


def test_where_the_log_was_dropped_the_chain_says_so(once: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tradebot.db"
    with closing(sqlite3.connect(once / "tradebot.db")) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DELETE FROM blocks")
    links = explain(copy, "paper-0001", "1")
    assert [x.text for x in links if x.step == "bar"] == ["gone from the log (log.keep_days)"]
    assert "answer" not in {x.step for x in links}


# -- a run in a file of its own -----------------------------------------------------------------------


def test_an_exported_run_is_the_same_run(once: Path, tmp_path: Path) -> None:
    file = tmp_path / "ghost.flight"
    with Reader(once / "tradebot.db") as reader:
        run = reader.run("ghost-0001")
    export_run(once / "tradebot.db", run, file, None)
    assert exported_source(file) is None
    with Reader(file) as reader:
        assert [row.id for row in reader.runs()] == ["ghost-0001"]
        assert reader.run("ghost-0001") == run
    assert replay_run(file, "ghost-0001", Path()) == again(once, "ghost-0001")
    chain = explain(once / "tradebot.db", "ghost-0001", "3")
    assert explain(file, "ghost-0001", "3") == chain
    with pytest.raises(JournalError, match="the target exists"):
        export_run(once / "tradebot.db", run, file, None)
    export_run(once / "tradebot.db", run, file, ("own.py", b"# \xe9\n"), force=True)
    assert exported_source(file) == ("own.py", b"# \xe9\n")
    with pytest.raises(JournalError, match="the journal itself"):
        export_run(once / "tradebot.db", run, once / "tradebot.db", None, force=True)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_file_is_one_error(once: Path, tmp_path: Path, share: float) -> None:
    file = tmp_path / "cut.flight"
    with Reader(once / "tradebot.db") as reader:
        run = reader.run("paper-0001")
    export_run(once / "tradebot.db", run, file, None)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TradebotError):
        replay_run(file, "paper-0001", Path())
