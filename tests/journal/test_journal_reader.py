"""What the read side answers."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest
from kits.journal_samples import BTC, ETH, KEY, T0, WALL, alter, bar, new_run, quote, story

from tradebot.core.model.effects import CommandDone
from tradebot.core.model.errors import JournalError, SchemaError, UsageError
from tradebot.core.model.times import iso
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.reader import Reader
from tradebot.journal.rows import COMMAND_NONCE, Batch, Head, RunResumed
from tradebot.journal.view import NoticeRow, as_json
from tradebot.journal.writer import Journal


def test_no_journal_yet(path: Path) -> None:
    with pytest.raises(JournalError, match="no journal yet") as caught:
        Reader(path)
    assert caught.value.hint == "run tradebot paper first"
    path.parent.mkdir()
    path.write_bytes(b"")  # the engine is just about to make it
    with pytest.raises(JournalError, match="no journal yet"):
        Reader(path)


def test_not_a_journal(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("nothing of the kind " * 100)
    with pytest.raises(SchemaError, match="not a database"):
        Reader(path)


async def test_an_odd_path(tmp_path: Path) -> None:
    path = tmp_path / "a ? b#c%20d" / "tradebot.db"
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        post_command(path, "halt", "me", "x")
    with Reader(path) as reader:
        assert reader.run(run).id == run


async def test_the_reader_cannot_write(journal: Journal, path: Path) -> None:
    with Reader(path) as reader, pytest.raises(JournalError, match="cannot be written"):
        reader._rows("DELETE FROM runs")


async def test_which_run(journal: Journal, path: Path) -> None:
    with Reader(path) as reader:
        assert reader.newest_run() is None
        with pytest.raises(JournalError, match="no run yet"):
            reader.resolve_run(None)
        with pytest.raises(UsageError, match="no run paper-1") as caught:
            reader.resolve_run("paper-1")
        assert caught.value.hint == "run tradebot paper first"
        first = await journal.begin_run(new_run("n1"))
        second = await journal.begin_run(new_run("n2", "ghost", wall=WALL + 1))
        assert [run.id for run in reader.runs()] == [second, first]
        assert reader.resolve_run(None).id == second
        assert reader.resolve_run(first).id == first
        with pytest.raises(UsageError) as caught:
            reader.run("paper-1")
        assert caught.value.hint == f"did you mean {first}?"
        await journal.end_run(first, "interrupted", None, None, WALL + 2)
        await journal.resume_run(first, RunResumed("n3"), WALL + 3)
        assert reader.resolve_run(None).id == first  # the one at work last
        newest = reader.newest_run("ghost")
        assert newest is not None
        assert newest.id == second
        await journal.end_run(first, "interrupted", None, None, WALL + 4)
        await journal.end_run(second, "interrupted", None, None, WALL + 4)
        await journal.resume_run(second, RunResumed(f"{COMMAND_NONCE}n4"), WALL + 5)
        assert reader.resolve_run(None).id == first  # a command without an engine is no start


async def test_the_run_to_go_on_with(journal: Journal, path: Path) -> None:
    runs = [await journal.begin_run(new_run(f"n{i}", wall=WALL + i)) for i in range(3)]
    with Reader(path) as reader:
        same = ("paper", "SIMULATED MARKET", "5a", "local")
        assert reader.resumable_run(*same) is None
        await journal.end_run(runs[0], "interrupted", None, None, WALL)
        await journal.end_run(runs[1], "interrupted", None, None, WALL)
        await journal.end_run(runs[2], "ended", None, None, WALL)
        found = reader.resumable_run(*same)
        assert found is not None
        assert found.id == runs[1]
        await journal.resume_run(runs[0], RunResumed(f"{COMMAND_NONCE}n4"), WALL + 5)
        await journal.end_run(runs[0], "interrupted", None, None, WALL + 6)
        found = reader.resumable_run(*same)
        assert found is not None
        assert found.id == runs[0]  # the one that somebody meant last, whichever is shown
        assert reader.resolve_run(None).id == runs[2]
        assert reader.resumable_run("paper", "SIMULATED MARKET", "other", "local") is None
        assert reader.resumable_run(*same[:3], "demo") is None
        assert reader.resumable_run("ghost", "SIMULATED MARKET", "5a", "local") is None


async def test_tables(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    other = await journal.begin_run(new_run("n2"))
    await journal.commit(Batch(run, WALL, effects=story()))
    await journal.commit(Batch(other, WALL, effects=story()))
    with Reader(path) as reader:
        first, second = reader.signals(run)
        assert first.outcome_pnl == Decimal("6.1")
        assert first.indicators == {"ema": 1.5}
        assert (first.price, first.stop) == (Decimal("61000.1"), Decimal(60000))
        assert first.target is None
        assert second.refusals == ["cooldown: 60 s", "day loss"]
        assert [s.id for s in reader.signals(run, verdict="refused")] == [2]
        assert reader.signals(run, symbol=ETH) == []
        assert reader.signals(run, since=T0 + 1) == []
        assert [s.id for s in reader.signals(run, limit=1)] == [2]
        orders = {order.id: order for order in reader.orders(run)}
        assert list(orders) == ["o1", "o2", "foreign"]
        assert (orders["o1"].status, orders["o1"].price) == ("filled", Decimal("61000.1"))
        assert (orders["o2"].status, orders["o2"].reason) == ("cancelling", "position closed")
        assert orders["o2"].reduce_only is True
        assert orders["foreign"].side is None
        assert [o.id for o in reader.orders(run, open_only=True)] == ["o2", "foreign"]
        fills = reader.fills(run)
        assert [(f.trade_id, f.order_id) for f in fills] == [(1, "o1"), (2, "liquidation")]
        assert fills[0].maker is False
        (trade,) = reader.trades(run)
        wanted = "id run symbol side qty entry_time entry_price exit_time exit_price fees funding"
        assert set(wanted.split()) | {"pnl", "pnl_pct", "duration_s", "exit_reason"} <= set(
            as_json(trade)
        )
        wanted = "id run time symbol side confidence price stop target reason verdict refusals"
        assert set(wanted.split()) | {"outcome_pnl"} <= set(as_json(first))
        assert [p.equity for p in reader.equity(run)] == [Decimal("10006.1")]
        assert [(h.event, h.who) for h in reader.halts(run)] == [
            ("halted", None),
            ("resumed", "policy"),
        ]
        assert [f.amount for f in reader.funding(run)] == [Decimal("-0.1")]
        assert reader.notices(run) == [NoticeRow(T0, WALL, "warning", "day loss")]
        assert reader.state(run) is None
        assert reader.snapshot(run) is None
        assert reader.positions(run) == []


async def test_the_log(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    bars = [bar(T0 + i * 60_000, symbol) for i in range(3) for symbol in (BTC, ETH)]
    await journal.commit(Batch(run, WALL, [quote(T0), *bars]))
    with Reader(path) as reader:
        assert [b.open_time for b in reader.bars(run, ETH)] == [T0, T0 + 60_000, T0 + 120_000]
        assert len(reader.bars(run)) == 6
        first, *rest = reader.events(run)
        assert (first.seq, first.at, first.exchange_time, first.wall) == (1, T0, T0 - 40, WALL)
        assert first.event.text == ("61000.1", "61000.2", "1.5", "2", "61000.15")
        assert [logged.seq for logged in reader.events(run, after=5)] == [6, 7]
        with pytest.raises(UsageError):
            reader.events("paper-0099")
        assert len(rest) == 6


async def test_damage_is_named(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, [quote(T0)], story()))
    alter(path, "UPDATE log SET payload = 'x'")
    alter(path, "UPDATE audit SET body = '{}' WHERE kind = 'Place'")
    with Reader(path) as reader:
        with pytest.raises(JournalError, match="event 1 of the log is damaged"):
            list(reader.events(run))
        with pytest.raises(JournalError, match="audit row 4 is damaged"):
            list(reader.effects(run))


async def test_a_command_and_its_answer(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    command = post_command(path, "halt", "me", "nervous")
    with Reader(path) as reader:
        row = reader.command(command)
        assert row is not None
        assert (row.name, row.who, row.reason, row.ok) == ("halt", "me", "nervous", None)
        assert wait_command(path, command, 0) is None
        await journal.commit(
            Batch(run, WALL + 5, effects=[(T0, CommandDone(T0, command, True, "halted"))])
        )
        answer = wait_command(path, command, 0)
        assert answer is not None
        assert (answer.ok, answer.result, answer.done) == (True, "halted", WALL + 5)
        assert reader.command(99) is None


@pytest.mark.parametrize(
    ("first", "second", "ok", "said"),
    [
        ((True, "was not halted"), (False, "day_loss stays: not yet"), False, "day_loss stays: not yet"),
        ((False, "day_loss stays: not yet"), (True, "resumed: user"), False, "day_loss stays: not yet"),
        ((True, "was not halted"), (True, "resumed: user"), True, "resumed: user"),
        ((True, "resumed: user"), (True, "resumed: user"), True, "resumed: user"),
        ((True, "resumed: ban"), (True, "resumed: user"), True, "resumed: ban; resumed: user"),
        ((True, "was not halted"), (True, "was not halted"), True, "was not halted"),
    ],
)  # fmt: skip
async def test_a_refusal_by_one_of_several_runs_is_the_answer(
    journal: Journal,
    path: Path,
    first: tuple[bool, str],
    second: tuple[bool, str],
    ok: bool,
    said: str,
) -> None:
    runs = [await journal.begin_run(new_run(nonce)) for nonce in ("n1", "n2")]
    command = post_command(path, "resume", "me", "go on")
    for run, (done, result) in zip(runs, (first, second), strict=True):
        answer = CommandDone(T0, command, done, result)
        await journal.commit(Batch(run, WALL + 5, effects=[(T0, answer)]))
    with Reader(path) as reader:
        row = reader.command(command)
    assert row is not None
    assert (row.ok, row.result) == (ok, said)


async def test_commands_that_make_no_sense(journal: Journal, path: Path) -> None:
    with pytest.raises(UsageError, match="no command 'dance'"):
        post_command(path, "dance", "me", "")
    with pytest.raises(UsageError, match="no run paper-7"):
        post_command(path, "halt", "me", "", "paper-7")
    with pytest.raises(JournalError, match="no journal yet"):
        post_command(path.with_name("none.db"), "halt", "me", "")


async def test_waiting_sees_the_answer_come(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    command = post_command(path, "stop", "me", "done")
    answers: list[object] = []
    thread = Thread(target=lambda: answers.append(wait_command(path, command, 10)))
    thread.start()
    time.sleep(0.1)
    await journal.commit(Batch(run, WALL, effects=[(T0, CommandDone(T0, command, False, "no"))]))
    thread.join(10)
    assert len(answers) == 1
    assert getattr(answers[0], "ok", None) is False


async def test_the_head(journal: Journal, path: Path) -> None:
    with Reader(path) as reader:
        assert reader.head() is None
        await journal.begin_run(new_run())
        head = reader.head()
        assert head == await journal.publish_head("sign-off", WALL)
        assert Head.parse(str(head)) == head
    with pytest.raises(ValueError, match="no audit head"):
        Head.parse("12")


async def test_a_row_as_json(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, effects=story()))
    with Reader(path) as reader:
        first = replace(reader.signals(run)[0], price=Decimal("1E+2"), outcome_pnl=Decimal("5.10"))
    row = as_json(first, "id", "indicators")
    assert (row["time"], row["price"], row["outcome_pnl"]) == (iso(T0), "100", "5.1")
    assert row["target"] is None
    assert {"wall", "id", "indicators"}.isdisjoint(row)


async def test_a_row_that_does_not_fit_is_told(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, effects=story(), snapshot={"at": T0}))
    alter(path, "UPDATE signals SET price = 'x'")
    with Reader(path) as reader:
        with pytest.raises(JournalError, match=r"SignalRow.*is damaged"):
            reader.signals(run)
        with pytest.raises(JournalError, match=f"snapshot of {run} is damaged"):
            reader.snapshot(run)
