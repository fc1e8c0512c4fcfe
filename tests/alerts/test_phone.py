"""A phone against the fake Bot API: what is kept before what is done, and what comes back."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kits.outbox_kit import Hands
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.alerts.bot_api import BotApi
from tradebot.alerts.desk import PhoneDesk, RemoteAct, desk_as_json, desk_of
from tradebot.alerts.model import Condition, Wishes
from tradebot.alerts.stored import PHONE
from tradebot.alerts.telegram import DEAF_MS, HELP, KEPT_AS, Phone, final_words
from tradebot.alerts.updates import AllowedUser
from tradebot.app.alert_readings import JournalReadings
from tradebot.app.phone import JournalAnswers
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import JournalError

CODE = "123456"
PATIENCE = 60

CLOSED = {"ok": True, "data": {"closed": True, "how": "closed by the engine", "remaining": []}}
LEFT = {
    "data": {"remaining": [{"symbol": "BTC/USDT", "what": "position", "qty": "0.001"}]},
    "error": {"message": "still open: BTC/USDT position 0.001"},
}


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Kept:
    """Where the desk is kept; what is in it survives a kill. ``broken`` takes nothing."""

    values: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    puts: int = 0
    note: Callable[[str], None] = lambda _: None

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def put(self, key: str, value: Any) -> None:
        self.note("before put")
        if self.broken:
            raise JournalError("cannot be written")
        self.values[key] = json.dumps(value)
        self.puts += 1
        self.note("after put")

    @property
    def desk(self) -> PhoneDesk:
        return desk_of(self.get(KEPT_AS))


@dataclass
class World:
    """What acts change: done by the phone, seen by the test. ``halted`` has who asked."""

    halted: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=lambda: CLOSED)
    code: int = 0
    word: str = "target: paper"
    note: Callable[[str], None] = lambda _: None

    def halt(self, reason: str, who: str) -> str:
        self.note("before halt")
        self.halted.append(f"{who}: {reason}")
        self.note("after halt")
        return "halted\nopen: BTC/USDT position"

    def close_all(self, who: str) -> tuple[str, ...]:
        self.note("before close-all")
        self.closed.append(who)
        text = (
            f"import sys; print({self.word!r}, file=sys.stderr);"
            f" print({json.dumps(json.dumps(self.answer))}); sys.exit({self.code})"
        )
        return (sys.executable, "-c", text)

    def answer_of(self, name: str) -> str:
        return f"this is the {name}"

    def tell(self, condition: Condition) -> None:
        self.told.append(str(condition.data["why"]))


@dataclass
class WorldAnswers:
    world: World

    def answer(self, name: str) -> str:
        return self.world.answer_of(name)

    def would_close(self) -> str:
        return "would be closed:\nBTC/USDT long 0.001 position"


def a_phone(phone: FakeTelegram, world: World, kept: Kept, *, amounts: bool = True) -> Phone:
    return Phone(
        *(BotApi(TOKEN, phone.url), AllowedUser(USER, USER), kept, world, WorldAnswers(world)),
        *(world.tell,),
        draw=lambda: CODE,
        amounts=amounts,
    )


@asynccontextmanager
async def listening(
    phone: FakeTelegram, world: World, kept: Kept, *, amounts: bool = True
) -> AsyncIterator[Phone]:
    listener = a_phone(phone, world, kept, amounts=amounts)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def heard(phone: FakeTelegram, *parts: str, after: int = 0) -> str:
    return await asyncio.to_thread(lambda: phone.hears(*parts, after=after))


async def until(what: Callable[[], object]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not what():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def test_questions_are_answered() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            for name in ("status", "positions", "trades", "risk", "report"):
                phone.say(f"/{name}")
                assert await heard(phone, f"this is the {name}")
            phone.say("/help")
            assert await heard(phone, HELP)
            assert {one.chat for one in phone.sent} == {str(USER)}


async def test_a_halt_is_kept_done_marked_and_answered() -> None:
    world, kept = World(), Kept()
    seen: list[str] = []

    def note(what: str) -> None:
        seen.append(f"{what} ({len(kept.desk.acts)} pending)")

    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            await until(lambda: kept.puts)
            world.note = kept.note = note
            phone.say("/halt the news")
            assert "open: BTC/USDT" in await heard(phone, "halted")
            await until(lambda: not kept.desk.acts)
    assert world.halted == [f"telegram:{USER}: the news"]
    assert seen[:5] == [
        "before put (0 pending)",
        "after put (1 pending)",
        "before halt (1 pending)",
        "after halt (1 pending)",
        "before put (1 pending)",
    ]
    assert phone.offsets[-1] >= 1000


async def test_closing_runs_the_command_and_says_how_it_ends() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            phone.say("/closeall")
            assert CODE in await heard(phone, "would be closed", "0.001 position")
            phone.say(CODE)
            assert await heard(phone, "target: paper")
            assert await heard(phone, "nothing remains (exit code 0): closed by the engine")
            await until(lambda: not kept.desk.acts)
    assert world.closed == [f"telegram:{USER}"]


async def test_a_code_says_how_long_it_counts_from_when_it_was_asked_for() -> None:
    """To ask an exchange what is open takes its time, which is part of the code's."""
    world, kept, clock = World(), Kept(), Hands(SYSTEM.wall_ms())

    class Slow(WorldAnswers):
        def would_close(self) -> str:
            clock.sleep(25)
            return super().would_close()

    with FakeTelegram() as phone:
        api = BotApi(TOKEN, phone.url)
        listener = Phone(
            *(api, AllowedUser(USER, USER), kept, world, Slow(world), world.tell, clock),
            draw=lambda: CODE,
        )
        phone.say("/closeall")
        await listener.listen_once(0)
        await listener.idle()
        assert await heard(phone, f"send {CODE} within 35 s")
        await api.close()


@pytest.mark.parametrize("restart", [False, True])
async def test_closing_waits_for_no_words(restart: bool) -> None:
    """Updates come in, but nothing that is said is taken: what was accepted is done all the same, at once."""
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        phone.always = "429"
        if restart:
            act = RemoteAct(999, "close-all", USER, "closeall", SYSTEM.wall_ms() - 5000)
            kept.put(KEPT_AS, desk_as_json(PhoneDesk(offset=1000, acts=(act,))))
        async with listening(phone, world, kept):
            if not restart:
                phone.say("/closeall")
                await until(lambda: kept.desk.code)
                phone.say(CODE)
            await until(lambda: world.closed)
            said = [how for method, _, how in phone.asked if method == "sendMessage"]
            # what would be closed, that it is, how it ended: none a second time
            assert len(said) <= 3
            assert phone.texts() == []


async def test_what_is_left_is_told() -> None:
    world, kept = World(answer=LEFT, code=6), Kept()
    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            phone.say("/closeall")
            await heard(phone, CODE)
            phone.say(CODE)
            said = await heard(phone, "NOT everything is closed (exit code 6)")
    assert "left: BTC/USDT position 0.001" in said


async def test_no_quantity_of_what_is_closed_is_told_without_amounts() -> None:
    world, kept = (
        World(answer=LEFT, code=6, word="still open: BTC/USDT position 0.001, for 5 s more"),
        Kept(),
    )
    with FakeTelegram() as phone:
        async with listening(phone, world, kept, amounts=False):
            phone.say("/closeall")
            await heard(phone, CODE)
            phone.say(CODE)
            said = await heard(phone, "NOT everything is closed (exit code 6)")
            progress = await heard(phone, "still open", "for 5 s more")
    assert "left: BTC/USDT position" in said
    assert "0.001" not in said + progress


def test_what_would_be_closed_is_told_without_quantities(tmp_path: Path) -> None:
    plan = [{"symbol": "BTC/USDT", "side": "long", "qty": "0.001", "what": "position"}]
    said = json.dumps({"ok": True, "data": {"plan": plan}})
    words = (sys.executable, "-c", f"print({said!r})")
    for amounts in (True, False):
        wishes = Wishes(("telegram",), amounts=amounts)
        answers = JournalAnswers(tmp_path, JournalReadings(tmp_path), wishes, words)
        size = " 0.001" if amounts else ""
        assert answers.would_close() == f"would be closed:\nBTC/USDT long{size} position"


def test_a_command_that_says_nothing_proves_nothing() -> None:
    assert "run it again" in final_words(0, "")
    assert "NOT everything" in final_words(0, json.dumps(LEFT))
    assert "NOT everything" in final_words(1, json.dumps(CLOSED))
    assert "nothing remains" not in final_words(0, json.dumps([]))


async def test_strangers_get_no_answer() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            for text in ("/halt", "/closeall", CODE, "/status"):
                phone.say(text, **{"from": {"id": 9, "is_bot": False}})
            await until(lambda: world.told)
            phone.say("/help")
            await heard(phone, HELP)
    [told] = world.told  # and the rest in an hour
    assert "from strangers: not answered" in told
    assert world.halted == world.closed == []
    assert phone.texts() == [HELP]


async def test_a_backlog_is_passed_over_and_told() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        for text in ("/halt", "/closeall", CODE):
            phone.say(text, date=1_700_000_000)
        async with listening(phone, world, kept):
            assert await heard(phone, "3 messages older than a minute passed over")
    assert world.halted == world.closed == []


async def test_somebody_else_who_polls_ends_commands_and_is_told_once() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        phone.polls.extend(["ok", "409"])
        listener = a_phone(phone, world, kept)
        phone.say("/halt")
        await asyncio.wait_for(listener.run(), PATIENCE)
        assert "409" in listener.stopped
        assert "409" in kept.get(PHONE)["why"]
        assert len(phone.offsets) == 2
    assert [text for text in world.told if "commands from the phone are off" in text] == world.told
    assert len(world.halted) == 1


async def test_a_token_that_is_none_ends_commands() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        phone.polls.append("401")
        await asyncio.wait_for(a_phone(phone, world, kept).run(), PATIENCE)
    assert len(world.told) == 1
    assert TOKEN not in world.told[0]


async def test_a_server_that_fails_is_asked_again_and_nothing_is_done_twice() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        phone.polls.extend(["lost"])  # the updates were sent, and nobody heard them
        phone.say("/halt")
        async with listening(phone, world, kept):
            await heard(phone, "halted")
            phone.then("500")
            phone.say("/help")
            await heard(phone, HELP)
    assert len(world.halted) == 1


async def test_a_file_that_takes_nothing_keeps_nobody_from_halting() -> None:
    world, kept = World(), Kept(broken=True)
    with FakeTelegram() as phone:
        async with listening(phone, world, kept):
            phone.say("/halt")
            await heard(phone, "halted")
            phone.say("/help")
            await heard(phone, HELP)
            kept.broken = False
            phone.say("/status")
            await heard(phone, "this is the status")
            await until(lambda: kept.desk.offset)
    assert len(world.halted) == 1
    assert kept.desk.acts == ()


async def test_commands_that_cannot_be_fetched_for_long_are_told_of_once_and_that_they_can() -> (
    None
):
    kept, clock = Kept(), Hands()
    told: list[Condition] = []
    with FakeTelegram() as phone:
        phone.poll_always = "500"
        listener = a_phone(phone, World(), kept)
        listener._tell, listener._clock = told.append, clock
        task = asyncio.create_task(listener.run())
        await until(lambda: len(phone.offsets) == 1)
        begun = clock.now
        await asyncio.sleep(0.2)
        assert not told  # a moment without the network is nobody's concern
        clock.now += DEAF_MS
        await until(lambda: len(phone.offsets) == 3)
        await asyncio.sleep(0.2)
        (first,) = told
        assert (first.kind, first.since, first.over) == ("commands", begun, False)
        assert "commands from the phone do not come: Telegram answers 500" in first.data["why"]
        state = {"why": first.data["why"], "since": begun}
        assert kept.get(PHONE) == state
        kept.put(PHONE, {})  # as where it could not be kept when it was told
        clock.now += 60_000
        await until(lambda: kept.get(PHONE) == state)
        assert len(told) == 1
        phone.poll_always = "ok"
        phone.say("/help")
        await until(lambda: len(told) == 2)
        assert told[1].over
        assert told[1].data["seconds"] == DEAF_MS // 1000 + 60
        assert kept.get(PHONE) == {}
        assert TOKEN not in str(told)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_pending_is_done_again_after_a_restart() -> None:
    world, kept = World(), Kept()
    with FakeTelegram() as phone:
        act = RemoteAct(999, "close-all", USER, "closeall", SYSTEM.wall_ms() - 5000)
        old = RemoteAct(998, "halt", USER, "late", SYSTEM.wall_ms() - 3_600_000)
        kept.put(KEPT_AS, desk_as_json(PhoneDesk(offset=1000, acts=(old, act))))
        async with listening(phone, world, kept):
            assert await heard(phone, "/closeall: done again")
            assert await heard(phone, "/halt was NOT done")
            assert await heard(phone, "nothing remains")
            await until(lambda: not kept.desk.acts)
    assert (world.halted, len(world.closed)) == ([], 1)


@pytest.mark.parametrize("at", range(1, 9))
async def test_no_kill_between_two_steps_of_a_halt_loses_it(at: int) -> None:
    """The process ends at the ``at``-th step; the update is confirmed only by the next fetch, as with Telegram."""
    world, kept = World(), Kept()
    count = 0
    lock = threading.Lock()

    def note(what: str) -> None:
        nonlocal count
        with lock:
            count += 1
            if count >= at:  # nothing happens any more in a process that was killed
                raise Killed(what)

    with FakeTelegram() as phone:
        phone.say("/halt the news")
        world.note = kept.note = note
        listener = a_phone(phone, world, kept)
        task = asyncio.create_task(listener.run())
        await until(lambda: count >= at)
        await _ended(listener, task)
        world.note = kept.note = lambda _: None
        pending = kept.desk.acts
        async with listening(phone, world, kept):
            await until(lambda: world.halted)
            await until(lambda: not kept.desk.acts)
    assert 1 <= len(world.halted) <= 2
    assert set(world.halted) == {f"telegram:{USER}: the news"}
    if pending:  # it had been accepted: the user hears that it is done again
        assert any("done again" in text for text in phone.texts())


async def _ended(listener: Phone, running: asyncio.Task[None]) -> None:
    """Let nothing of a killed process go on; what ends by itself closes its own connections."""
    await asyncio.wait({running}, timeout=0.2)
    for task in (running, *listener._works):
        task.cancel()
        with suppress(BaseException):
            await task
    await listener._api.close()


def test_nothing_that_is_said_holds_the_token() -> None:
    api = BotApi("123:planted", "http://127.0.0.1:1")
    assert "planted" not in repr(api)

    async def go() -> str:
        try:
            await api.updates(0, 0)
        except Exception as error:
            return f"{error} {error!r} {error.__cause__!r} {getattr(error, 'hint', '')}"
        finally:
            await api.close()
        return ""

    said = asyncio.run(go())
    assert said
    assert "planted" not in said
