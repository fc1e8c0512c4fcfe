"""What the approved loss of a live account counts from: its first live start, whatever runs and transfers came since."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.broker_kit import serving
from kits.demo_kit import demo_venue
from kits.disaster_kit import QUIET
from kits.disaster_kit import Scene as Desk
from kits.engine_kit import Bare, a_config
from kits.live_run_kit import MORNING, live_bot, start_live
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

from tradebot.app import approved_loss, host
from tradebot.app.approved_loss import (
    NOTE,
    Before,
    counted_from,
    left_before,
    note_base,
    noted_base,
    raise_note,
    settle_note,
)
from tradebot.broker import baseline_reader
from tradebot.broker.baseline_reader import read_moved
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import exact
from tradebot.core.risk.monitor import Reached
from tradebot.journal.facts import SignedOff
from tradebot.wire import endpoints

D = Decimal


class Shelf:
    """A journal of runs; the newest comes first: mode, venue, fingerprint, base, loss halts in order."""

    def __init__(self, *runs: tuple[str, str, str, str, str]) -> None:
        self.rows = [SimpleNamespace(id=str(n), mode=r[0], venue=r[1]) for n, r in enumerate(runs)]
        self.told = {str(n): r[2:] for n, r in enumerate(runs)}

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def runs(self) -> list[Any]:
        return self.rows

    def state(self, run: str) -> Any:
        fingerprint, base, _ = self.told[run]
        if not fingerprint:
            return None
        engine = Bare(a_config(signoff_equity=D(7))).engine
        with exact():
            engine.portfolio.move("TRANSFER:5", 1, D(3))
        state = engine.export_state()
        state["watch"]["ladders"][2][0] = base
        read = {"since": 1_000, "income": 500_000}
        return SimpleNamespace(
            body={"session": {"account": fingerprint, "engine": state, "read": read}}
        )

    def halts(self, run: str) -> list[Any]:
        words = self.told[run][2].split()
        return [
            SimpleNamespace(
                event="resumed" if w[0] == "-" else "halted",
                reason=w.lstrip("-"),
                detail="much",
                ts=n,
            )
            for n, w in enumerate(words)
        ]


@pytest.mark.parametrize(
    ("runs", "base", "reached"),
    [
        ([], None, []),
        ([("live", "live", "", "1", ""), ("paper", "demo", "abc", "7", "")], None, []),
        ([("live", "live", "other", "7", "")], None, []),
        ([("live", "demo", "abc", "7", "")], None, []),
        ([("live", "live", "abc", "nonsense", "")], None, []),
        ([("live", "live", "abc", "960.5", ""), ("live", "live", "abc", "1", "day_loss")], "960.5", []),
        ([("live", "live", "abc", "9", "user day_loss signoff_loss week_loss -day_loss")], "9",
         ["signoff_loss", "week_loss"]),
    ],
)  # fmt: skip
def test_the_newest_live_run_on_the_account_hands_it_on(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    runs: list[Any],
    base: str | None,
    reached: list[str],
) -> None:
    monkeypatch.setattr(approved_loss, "Reader", lambda _: Shelf(*runs))
    before = left_before(tmp_path, "live", "abc")
    if base is None:
        assert before is None
        return
    assert before is not None
    assert before.base == D(base)
    assert before.since == 500_000 - 60_000
    assert before.booked == {"TRANSFER:5"}
    assert [each.reason for each in before.reached] == reached


def test_where_no_journal_is_it_begins(tmp_path: Path) -> None:
    assert left_before(tmp_path, "live", "abc") is None


class Account:
    """An account whose wallet can be read, and of which nobody may ask for its income."""

    access = SimpleNamespace(environment="live", fingerprint="abc")
    wire = SimpleNamespace(time=SimpleNamespace(now=lambda: 777_000))

    def __init__(self, latch_dir: Path, wallet: str = "900") -> None:
        self.latch_dir = latch_dir
        self.wallet = D(wallet)
        self.since: list[int] = []

    async def read_wallet(self) -> Decimal:
        return self.wallet

    async def read_moved(self, since: int, booked: object) -> Decimal:
        del booked
        self.since.append(since)
        return D(40)


@pytest.mark.parametrize(("protect", "first"), [("", "1000.5"), ("feed: no bars", "960.5")])
async def test_a_start_that_protects_does_not_wait_for_the_income(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, protect: str, first: str
) -> None:
    runs = [("live", "live", "abc", "960.5", "signoff_loss")]
    monkeypatch.setattr(approved_loss, "Reader", lambda _: Shelf(*runs))
    begun: list[Any] = []
    monkeypatch.setattr(host, "session_of", lambda *words: begun.append(words[2:]))
    config = SimpleNamespace(data_dir=lambda: tmp_path)
    setup: Any = SimpleNamespace(config=config, protect=protect, account=None)
    account: Any = Account(tmp_path / "key")
    await host._first_session(setup, account, "live")
    ((wallet, base, reached),) = begun
    assert (wallet, base) == (D(900), D(first))
    assert [each.reason for each in reached] == ["signoff_loss"]


async def test_another_directory_is_no_way_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(host, "session_of", lambda *words: begun.append(words[2:]))

    async def begin(name: str, wallet: int, protect: str = "", mode: str = "live") -> list[int]:
        config = SimpleNamespace(data_dir=lambda: tmp_path / name)
        setup: Any = SimpleNamespace(config=config, protect=protect, account=None)
        account: Any = Account(tmp_path / "key", str(wallet))
        await host._first_session(setup, account, mode)
        since: list[int] = account.since
        return since

    await begin("shadow", 800, mode="ghost")
    await begin("early", 800, protect="feed: no bars")  # what only protects approves nothing
    assert noted_base(tmp_path / "key") is None
    assert await begin("one", 900) == []
    assert await begin("two", 860) == [777_000]  # 40 came in, so 80 were lost
    assert begun[-2:] == [(D(900), D(900), ()), (D(860), D(940), ())]
    noted = noted_base(tmp_path / "key")
    assert noted is not None
    assert (noted.base, noted.since) == (D(940), 777_000)
    # a run that only protects goes on later with what it began with: a lost journal forgets no loss either
    assert await begin("lost", 860, protect="reconcile: no journal") == []
    assert begun[-1] == (D(860), D(940), ())
    assert await begin("lost", 990, protect="reconcile: no journal") == []  # more came in, unread
    assert begun[-1] == (D(990), D(990), ())
    assert noted_base(tmp_path / "key") == noted
    for cut in ("{", '{"base": "NaN", "at": 777000}'):
        (tmp_path / "key" / NOTE).write_text(cut)
        with pytest.raises(JournalError, match="cannot be read"):
            await begin("three", 860)
        await begin("four", 860, protect="feed: no bars")  # what is open is protected all the same
        assert begun[-1] == (D(860), D(860), ())


async def test_only_what_is_no_result_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_reader, "AGREE_S", 0.01)
    async with serving() as counter:
        line = counter.line
        begun = line.venue_clock.now()
        assert await read_moved(line.wire, begun) == 0
        line.venue_clock.advance(1000)
        line.venue.acts.transfer("-300")
        line.venue_clock.advance(5000)
        assert await read_moved(line.wire, begun) == -300
        assert await read_moved(line.wire, line.venue_clock.now()) == 0
        (told,) = await line.wire.read(endpoints.INCOME, {"startTime": str(begun), "limit": "9"})
        assert await read_moved(line.wire, begun, {f"TRANSFER:{told['tranId']}"}) == 0


def signoff(bot: Bot, run: str) -> dict[str, Any]:
    rules: list[dict[str, Any]] = bot.json("risk", "--run", run).data["limits"]
    (row,) = [row for row in rules if row["rule"] == "signoff_loss"]
    return row


@pytest.mark.full
@pytest.mark.slow
def test_a_second_run_goes_on_counting_and_a_transfer_between_them_is_no_loss(
    tmp_path: Path,
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        bot = live_bot(tmp_path, venue)
        desk = Desk(venue, bot, tmp_path)
        try:
            run = start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() and venue.stops())
            desk.close_all("--account", "live", TRADEBOT_EXCHANGE__ENVIRONMENT="live")
            bot.end(run)
            bot("resume", "--reason", "a test")
            lost = Decimal(signoff(bot, "live-0001")["used"])
            assert lost > 0
            desk.act("transfer", amount="-2000")
            other = start_live(bot, bot.strategy(QUIET, "other.py"))
            bot.until(lambda: other.poll() is not None or bot.status().get("run") == "live-0002")
            assert other.poll() is None, other.communicate()
            assert Decimal(signoff(bot, "live-0002")["used"]) == lost
            bot.end(other)
        finally:
            bot.clean_up()


# -- a new sign-off -----------------------------------------------------------------------------------


def signed(worth: str, head: str = "7:hash") -> SignedOff:
    row = SignedOff("Bob", "r", "w", (), "e", "c", "{}", "50", 1, head, "s", "k")
    return replace(row, worth=worth)


def test_it_counts_from_the_row_and_not_from_a_later_moment() -> None:
    reached = (Reached("day_loss", "much", 1), Reached("signoff_loss", "all", 2))
    before = Before(D(1000), 5, frozenset(), reached, brought=D(30), equity=D(940))
    after = before.signed(signed("925"))
    assert (after.base, after.approved) == (D(955), "7:hash")
    assert after.reached == (reached[0],)
    assert before.signed(signed("1100")).base == D(1130)  # after a gain it is $50 from there
    assert before.signed(signed("")).base == D(1000)  # what is more, where nobody knows
    assert replace(before, equity=D(1200)).signed(signed("")).base == D(1200)


def test_the_note_is_raised_before_the_row_and_settled_after_it(tmp_path: Path) -> None:
    raise_note(tmp_path, D(5))
    assert noted_base(tmp_path) is None  # nothing was noted: a start does that
    note_base(tmp_path, D(1000), 77)
    raise_note(tmp_path, D(950))  # a crash before the row leaves the tighter one
    assert noted_base(tmp_path) == Before(D(1000), 77, frozenset())
    settle_note(tmp_path, D(950))
    assert noted_base(tmp_path) == Before(D(950), 77, frozenset())
    raise_note(tmp_path, D(1010))
    assert noted_base(tmp_path) == Before(D(1010), 77, frozenset())


@given(st.decimals(900, 1100, places=2), st.decimals(900, 1100, places=2))
def test_wherever_it_breaks_off_no_more_may_be_lost_than_was_approved(old: D, worth: D) -> None:
    """From the moment of the row on, at most $50: by the note alone, whichever of its writes was the last."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        note_base(place, old, 1)
        raise_note(place, worth)
        between = noted_base(place)
        settle_note(place, worth)
        settled = noted_base(place)
    assert between is not None
    assert settled is not None
    assert between.base >= worth
    assert settled.base == worth


@pytest.mark.parametrize(("wallet", "worth", "first"), [("900", "", "10040"), ("20000", "", "20000"), ("900", "930", "970")])  # fmt: skip
async def test_a_run_that_begins_takes_a_new_sign_off_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wallet: str, worth: str, first: str) -> None:  # fmt: skip
    runs = [("live", "live", "abc", "960.5", "signoff_loss")]
    monkeypatch.setattr(approved_loss, "Reader", lambda _: Shelf(*runs))
    account: Any = Account(tmp_path / "key", wallet)
    asked: list[str] = []

    def find(approved: str) -> SignedOff:
        asked.append(approved)
        return signed(worth)

    base, reached = await counted_from(account, tmp_path, D(wallet), protect=False, find=find)
    assert asked == [""]
    assert (base, reached) == (D(first), ())
