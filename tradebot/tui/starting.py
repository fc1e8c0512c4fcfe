"""A start with real money from the screen: the checklist, the word, and the engine beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tradebot.core.model.errors import TradebotError
from tradebot.tui.setting import AtStake
from tradebot.tui.word import AskWord

if TYPE_CHECKING:
    from tradebot.tui.app import TradebotApp

CHECKING = "Going through live's checklist; nothing is started yet."


class LiveStart:
    """Starts live for the app; one at a time."""

    def __init__(self, app: TradebotApp) -> None:
        self._app = app
        self._checking = False

    def begin(self) -> None:
        """Go through the checklist, show what is at stake, and start with real money if the word is typed."""
        app = self._app
        check = app.setting.check_live
        if app.may_start(check) and check is not None and not self._checking:
            self._checking = True
            app.say(CHECKING, stay=True)
            app.run_worker(self._check(check))

    async def _check(self, check: Callable[[], AtStake]) -> None:
        app = self._app
        try:
            stake = await asyncio.to_thread(check)
        except TradebotError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            text = f"{error.message}{hint}\n`tradebot live --check` has every line."
            app.notify(text, title="LIVE: nothing was started", severity="error", timeout=15)
            return
        finally:
            self._checking = False
            app.unsay(CHECKING)
        if stake.open:  # protected at once, as on the command line; only trading needs a word
            self._start("")
        elif app.is_running:
            app.push_screen(AskWord(stake), partial(self._worded, stake))

    def _worded(self, stake: AtStake, yes: bool | None) -> None:
        if yes:
            self._start(stake.token)
        else:
            text = f"The word is {stake.word}, in capitals."
            self._app.notify(text, title="LIVE: nothing was started", severity="warning")

    def _start(self, token: str) -> None:
        app = self._app
        start = app.setting.start_live
        if start is not None:
            app.feed.pin(None)
            app.run_worker(app.answer("LIVE", asyncio.to_thread(start, token)))


__all__ = ["CHECKING", "LiveStart"]
