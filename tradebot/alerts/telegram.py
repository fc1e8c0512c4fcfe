"""Commands from a phone: questions, ``/halt`` and ``/closeall``, and nothing else.

Each word is kept with the offset before it is obeyed, and an act is taken off when it is done; a restart does again
what was pending. What can be done is what ``Commander`` has.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from tradebot.alerts.bot_api import BotApi, ConflictError, NoAnswerError, TokenRefusedError
from tradebot.alerts.desk import (
    CODE_MS,
    PhoneDesk,
    Preview,
    RemoteAct,
    Say,
    Show,
    Todo,
    begin,
    desk_as_json,
    desk_of,
    done,
    heard,
    rested,
    tell_old,
    tell_strangers,
)
from tradebot.alerts.frame import masked
from tradebot.alerts.model import Commander, Condition
from tradebot.alerts.stored import PHONE
from tradebot.alerts.threads import NoThreadError, in_own_thread
from tradebot.alerts.updates import AllowedUser
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.text import escaped

T = TypeVar("T")

KEPT_AS = "telegram"

DEAF_MS = 5 * 60_000
"""After so long without an answer to the question for commands it is said that none come."""


def kept_as(token: str) -> str:
    """Return under which name the desk of a token's bot is kept: each bot counts its updates by itself.

    The number before the colon is the bot's own and no secret.
    """
    number = token.partition(":")[0]
    return f"{KEPT_AS}:{number}" if number.isdecimal() and number != token else KEPT_AS


HELP = """/status how the runs stand
/positions what is open, with stops
/trades the newest trades
/risk limits and how much of them is used
/report this month so far
/halt [reason] no new entries; exits and stops go on
/closeall cancel all orders and close everything (asks for a code)
Nothing else can be done from here; to resume: tradebot resume --reason TEXT"""

MOST_WAIT_S = 60.0
PROGRESS_S = 3.0
"""At most every so many seconds one message says how a close-all goes."""

ANSWER_S = 20.0
"""Seconds that an answer may take: a code for a close-all counts for a minute, and comes with what would be closed."""

ANSWERS = 4
"""So many questions are looked up at once, those included that nobody waits for any more."""

TRIES = 5
"""So often an answer is sent; what was done does not hang on it."""


class Keeping(Protocol):
    """Where the desk is kept: each ``put`` is one transaction."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was kept (JSON types)."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Keep a value (JSON types); it is on the disk when this returns."""
        ...


class PhoneAnswers(Protocol):
    """What questions are answered with, in words."""

    def answer(self, name: str) -> str:
        """Return the answer to status, positions, trades, risk or report. Never raises."""
        ...

    def would_close(self) -> str:
        """Return what a close-all would close. Never raises."""
        ...


class Phone:
    """Listens to one user on one bot. ``tell`` hears what all channels should know; ``name`` is what the desk is kept as.

    ``amounts``: whether quantities may be said of what is closed.
    """

    def __init__(
        self,
        api: BotApi,
        allowed: AllowedUser,
        keeping: Keeping,
        commander: Commander,
        answers: PhoneAnswers,
        tell: Callable[[Condition], None],
        clock: Clock = SYSTEM,
        draw: Callable[[], str] = lambda: f"{secrets.randbelow(1_000_000):06d}",
        name: str = KEPT_AS,
        *,
        amounts: bool = True,
    ) -> None:
        self._api, self._allowed, self._keeping = api, allowed, keeping
        self._commander, self._answers, self._tell = commander, answers, tell
        self._clock, self._draw, self._name, self._amounts = clock, draw, name, amounts
        self._desk = PhoneDesk()
        self._free = threading.Semaphore(ANSWERS)
        self._works: set[asyncio.Task[None]] = set()
        self.stopped = ""
        self._deaf_since: int | None = None
        self._deaf_why = ""

    async def run(self) -> None:
        """Listen until cancelled, or until the token is somebody else's: then ``stopped`` says so."""
        kept = await self._patiently(lambda: self._keeping.get(self._name))
        self._desk = desk_of(kept)
        desk, todo = begin(self._desk, self._clock.wall_ms())
        self._keep(desk)
        self._put_state({})
        for one in todo:  # each by itself: no act waits for words that do not get through
            self._begin([one])
        failures = 0
        try:
            while not self.stopped:
                try:
                    await self.listen_once()
                    failures = 0
                    self._note_heard()
                except (ConflictError, TokenRefusedError) as error:
                    self._stop(error)
                except NoAnswerError as error:
                    failures += 1
                    self._note_deaf(error)
                    await asyncio.sleep(_pause(failures - 1, error))
            await self.idle()
        finally:
            works = list(self._works)
            for work in works:  # a close-all goes on in its own process
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self._api.close()

    async def listen_once(self, wait_s: int | None = None) -> None:
        """Fetch what is new and do it; each update is kept before it is obeyed."""
        self._desk = rested(self._desk, self._clock.wall_ms())
        more = {} if wait_s is None else {"wait_s": wait_s}
        for update in await self._api.updates(self._desk.offset, **more):
            now = self._clock.wall_ms()
            desk, todo = heard(self._desk, update, self._allowed, now, self._draw)
            self._keep(desk)
            self._begin(todo)
        desk, old = tell_old(self._desk)
        desk, strange = tell_strangers(desk, self._clock.wall_ms())
        if desk != self._desk:
            self._keep(desk)
        self._begin(old)
        if strange:
            self._tell(Condition("commands", self._clock.wall_ms(), data={"why": strange}))

    async def idle(self) -> None:
        """Wait until everything that was begun is done."""
        while self._works:
            await asyncio.gather(*self._works, return_exceptions=True)

    # -- keeping -----------------------------------------------------------------------------------

    def _keep(self, desk: PhoneDesk) -> None:
        """Keep the desk whole before anything is done about it.

        A file that takes nothing keeps nobody from halting or closing: then a restart would not know of the act, and
        what was heard goes to the file with the next word.
        """
        self._desk = desk
        with suppress(TradebotError):
            self._keeping.put(self._name, desk_as_json(desk))

    def _mark(self, act: RemoteAct) -> None:
        """Take an act off; where that cannot be kept a restart does it again, which is harmless."""
        self._keep(done(self._desk, act))

    async def _patiently(self, get: Callable[[], Any]) -> Any:
        while True:
            try:
                return get()
            except TradebotError:
                await asyncio.sleep(1.0)

    def _stop(self, error: TradebotError) -> None:
        self.stopped = str(error.message)
        hint = f"; {error.hint}" if error.hint else ""
        why = f"{error.message}: commands from the phone are off{hint}"
        now = self._clock.wall_ms()
        self._put_state({"why": why, "since": now})
        self._tell(Condition("commands", now, data={"why": why}))

    def _note_deaf(self, error: NoAnswerError) -> None:
        """Say it once where commands could not be fetched for long: nobody would know why ``/halt`` does nothing."""
        now = self._clock.wall_ms()
        if self._deaf_since is None or self._deaf_since > now:
            self._deaf_since = now
        since = self._deaf_since
        if now - since < DEAF_MS:
            return
        was_told, words = self._deaf_why, "commands from the phone do not come"
        why = was_told or f"{words}: {error.message}; they are asked for on and on"
        self._deaf_why = why
        self._put_state({"why": why, "since": since})  # each time: a full disk may not take it yet
        if was_told:
            return
        self._tell(Condition("commands", since, data={"why": why}))

    def _note_heard(self) -> None:
        since, self._deaf_since = self._deaf_since, None
        self._put_state({})
        if since is None or not self._deaf_why:
            return
        self._deaf_why = ""
        passed = {"seconds": (self._clock.wall_ms() - since) // 1000}
        self._tell(Condition("commands", since, over=True, data=passed))

    def _put_state(self, state: dict[str, Any]) -> None:
        """Keep for every face why no commands come."""
        with suppress(TradebotError):
            if state != self._keeping.get(PHONE, {}):
                self._keeping.put(PHONE, state)

    # -- doing -------------------------------------------------------------------------------------

    def _begin(self, todo: Iterable[Todo]) -> None:
        """Do these one after the other, while the next words are listened to."""
        things = list(todo)
        if things:
            task = asyncio.get_running_loop().create_task(self._do_all(things))
            self._works.add(task)
            task.add_done_callback(self._works.discard)

    async def _do_all(self, todo: Iterable[Todo]) -> None:
        for one in todo:
            try:
                await self._do(one)
            except Exception as error:  # one answer that fails must not end the listening
                await self._say(f"that could not be answered ({type(error).__name__})")

    async def _do(self, todo: Todo) -> None:
        match todo:
            case Say(text):
                await self._say(text)
            case Show("help"):
                await self._say(HELP)
            case Show(name):
                await self._say(await self._looked_up(partial(self._answers.answer, name)))
            case Preview(code):
                await self._preview(code)
            case RemoteAct(name="halt"):
                await self._halt(todo)
            case RemoteAct():
                await self._close_all(todo)

    async def _preview(self, code: str) -> None:
        """Say what would be closed, and for how long the code still counts: since it was asked for."""
        asked = self._clock.monotonic()
        rows = await self._looked_up(self._answers.would_close)
        left = int(CODE_MS / 1000 - (self._clock.monotonic() - asked))
        await self._say(f"{rows}\nTo cancel all orders and close it, send {code} within {left} s")

    async def _looked_up(self, question: Callable[[], str]) -> str:
        """Return an answer; that it does not come within ``ANSWER_S`` keeps no act waiting, nor the code for one."""
        try:
            return await asyncio.wait_for(in_own_thread(question, self._free), ANSWER_S)
        except (TimeoutError, NoThreadError):
            return "that cannot be looked up now: it takes too long; /halt and /closeall work"

    async def _halt(self, act: RemoteAct) -> None:
        try:
            said = await _done(partial(self._commander.halt, act.reason, act.who))
        except TradebotError as error:
            said = f"NOT halted: {error.message}. Send /closeall, or try again"
        self._mark(act)
        await self._say(said)

    async def _close_all(self, act: RemoteAct) -> None:
        """Run the command in a process of its own, which outlives this one; say how it goes and how it ends."""
        self._begin([Say("closing everything")])  # it waits for no words
        try:
            said = await self._run_close_all(act)
        except (TradebotError, OSError) as error:
            said = (
                f"close-all could not be started: {type(error).__name__}. Trading may not be halted"
            )
        self._mark(act)
        await self._say(said)

    async def _run_close_all(self, act: RemoteAct) -> str:
        words = await _done(partial(self._commander.close_all, act.who))
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=_without_secrets(os.environ),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        out, _ = await asyncio.gather(process.stdout.read(), self._follow(process.stderr))
        said = out.decode("utf-8", "replace")
        return final_words(await process.wait(), said, amounts=self._amounts)

    async def _follow(self, stream: asyncio.StreamReader) -> None:
        """Send what the command says on its way, several lines at once."""
        waiting: list[str] = []
        reading = asyncio.ensure_future(stream.readline())
        while True:
            ended, _ = await asyncio.wait({reading}, timeout=PROGRESS_S)
            if ended:
                line = reading.result()
                if not line:
                    break
                text = escaped(line.decode("utf-8", "replace").rstrip())
                waiting.append(text if self._amounts else masked(text, None))
                reading = asyncio.ensure_future(stream.readline())
            elif waiting:
                await self._say("\n".join(waiting))
                waiting = []
        if waiting:
            await self._say("\n".join(waiting))

    async def _say(self, text: str) -> None:
        """Send a text to the user; given up after a few tries."""
        for count in range(TRIES):
            try:
                await self._api.send(self._allowed.chat, text)
                return
            except NoAnswerError as error:
                await asyncio.sleep(_pause(count, error))
            except TradebotError:
                return


async def _done(act: Callable[[], T]) -> T:
    """Return what an act does; where there is no thread for it, it is done here, whoever waits."""
    try:
        return await in_own_thread(act)
    except NoThreadError:
        return act()


def _pause(failures: int, error: NoAnswerError) -> float:
    """Return for how long to wait, seconds: longer each time, and never less than the server asks for."""
    return max(error.retry_after, min(2.0**failures, MOST_WAIT_S))


def final_words(code: int, out: str, *, amounts: bool = True) -> str:
    """Return how a close-all ended: its exit code, and what remains; with ``amounts`` off without quantities."""
    try:
        document = json.loads(out)
        data, error = document.get("data") or {}, document.get("error")
    except (ValueError, AttributeError):
        return f"close-all ended with exit code {code} and without an answer: run it again"
    if code == 0 and error is None and not data.get("remaining"):
        return f"nothing remains (exit code 0): {data.get('how', 'closed')}. Trading is halted"
    names = ("symbol", "what", "side", "qty") if amounts else ("symbol", "what", "side")
    left = [
        " ".join(str(row[name]) for name in names if row.get(name))
        for row in data.get("remaining") or ()
    ]
    why = str((error or {}).get("message") or "it did not end well")
    why = why if amounts else masked(why, None)
    rows = "".join(f"\nleft: {row}" for row in left)
    return f"NOT everything is closed (exit code {code}): {why}{rows}\nSend /closeall again"


def _without_secrets(env: os._Environ[str]) -> dict[str, str]:
    """Return the environment for the command: what alerts are sent with is none of its business."""
    return {name: value for name, value in env.items() if not name.startswith("TRADEBOT_SECRET_")}


__all__ = ["DEAF_MS", "HELP", "Keeping", "Phone", "PhoneAnswers", "final_words", "kept_as"]
