"""What F8 and F9 do: the latch first, then the engine, whatever is on the screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradebot.app import control
from tradebot.app.closed import Closed, EngineHereError
from tradebot.app.target import (
    ACCOUNTS,
    Request,
    SimulatedRuns,
    Target,
    account_of_note,
)
from tradebot.core.model.errors import LeftoverError, TradebotError
from tradebot.guard.lock import lock_owner
from tradebot.tui.closing import CloseAll, ClosingAll, closing_lines
from tradebot.tui.holdings import Holdings, read_holdings
from tradebot.tui.painted import Line
from tradebot.tui.setting import ANSWER_S, Exit

if TYPE_CHECKING:
    from tradebot.tui.app import TradebotApp

ASK_S = 0.3
"""Seconds that F9 waits for the list of what is open before it asks without one."""

AGAIN_S = 1.0
"""An F8 within this after another is the same one, held down; not after one that failed."""

FIRST_PRESS = float("-inf")
"""No F8 came before, or none that halted."""


class KillKeys:
    """Halts and closes for the app, and says in its banner what came of it. One of each is under way at a time."""

    def __init__(self, app: TradebotApp) -> None:
        self._app = app
        self._halted_at = FIRST_PRESS
        self._asking = False
        self._closes = False
        self._listed: str | None = None
        self._aimed: Target = SimulatedRuns()
        self._begun = 0
        self._said = ""
        self._outcome: Line = ()

    # -- F8 -----------------------------------------------------------------------------------------

    def halt(self) -> None:
        """Halt, without asking: it is reversible."""
        before, self._halted_at = self._halted_at, self._app.setting.seconds()
        if self._halted_at - before < AGAIN_S:
            return
        self._app.say("HALTING", stay=True)
        self._app.run_worker(self._halt(), group="kill")

    async def _halt(self) -> None:
        app = self._app
        request = Request("halt", app.setting.who, "F8 on the screen")
        try:
            # the latch is a file: it is there before the engine is asked, and the next look shows it
            asked = asyncio.to_thread(control.halt, app.data_dir, request, ANSWER_S, self._latched)
            said = await asked
        except TradebotError as error:
            self._halted_at = FIRST_PRESS
            app.say(f"HALT FAILED: {error}", stay=True)
        else:
            app.unsay("HALTING")
            app.notify(said, title="HALT", severity="warning")
        app.look()

    def _latched(self, _: str) -> None:
        self._app.call_from_thread(self._show_latch)

    def _show_latch(self) -> None:
        self._app.unsay("HALTING")
        self._app.look()

    # -- F9 -----------------------------------------------------------------------------------------

    def close_all(self) -> None:
        """Ask, once, and show what will be closed; a second press confirms."""
        top = self._app.screen
        if isinstance(top, CloseAll):
            top.press()
        elif self._closes:
            self._show_closing()
        elif not self._asking:
            if isinstance(top, ClosingAll):  # it is over, and F9 means once more
                top.dismiss(None)
            self._asking = True
            self._app.run_worker(self._ask(), group="kill")

    def _show_closing(self) -> None:
        """Show how it goes, if that is not on screen."""
        if not isinstance(self._app.screen, ClosingAll):
            self._app.push_screen(ClosingAll(self._progress()))

    def tell(self, dialog: ClosingAll) -> None:
        """Have the dialog say how it goes by now."""
        dialog.say(self._progress())

    def _progress(self) -> list[Line]:
        app = self._app
        found = app.view.closing if app.view.traded else None
        if (
            found is not None and found.begun < self._begun
        ):  # the rows are still those of an earlier one
            found = None
        return closing_lines(self._place, self._said, self._outcome, found, app.setting.clock())

    def list_again(self, dialog: CloseAll) -> None:
        """Have the dialog say what is open by now."""
        if not self._asking:
            self._asking = True
            self._app.run_worker(self._list_again(dialog), group="kill")

    async def _list_again(self, dialog: CloseAll) -> None:
        try:
            dialog.say((await self._holdings()).lines(self._app.data_dir, self._place))
        finally:
            self._asking = False

    async def _holdings(self) -> Holdings:
        """Return what a close-all would close; a journal that hangs must not keep anybody waiting."""
        reading = asyncio.to_thread(read_holdings, self._app.data_dir, self._listed)
        try:
            return await asyncio.wait_for(reading, ASK_S)
        except TimeoutError:
            return Holdings((), "the journal does not answer")

    async def _ask(self) -> None:
        try:
            self._listed = self._run_shown
            holdings = await self._holdings()
            lines = holdings.lines(self._app.data_dir, self._place)
            dialog = CloseAll(lines, self._app.setting.seconds)
            self._aimed = self._meant
            self._app.push_screen(dialog, self._answered)
        finally:
            self._asking = False

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self._closes = True
            self._said, self._outcome = "trading is halted", ()
            self._app.say("CLOSING ALL", stay=True)
            self._app.run_worker(self._close(), group="kill")

    async def _close(self) -> None:
        app = self._app
        self._begun = app.setting.clock()
        request = Request(
            "close-all", app.setting.who, "F9 on the screen", self._aimed, posted=self._begun
        )
        self._show_closing()
        try:
            closed = await asyncio.to_thread(
                control.close_all, app.data_dir, request, None, self._told
            )
        except EngineHereError:
            app.exit(Exit("direct", run=request.run))
        except LeftoverError as error:
            self._end(f"NOT PROVED CLOSED: {error}. F9 tries again", "alarm")
        except TradebotError as error:
            self._end(f"CLOSE ALL FAILED: {error}", "alarm")
        else:
            self._end(*_outcome_of(closed))
        finally:
            self._closes = False
            app.look()

    def _end(self, text: str, paint: str) -> None:
        """Say how it went: in the banner for as long as that matters, and in the dialog."""
        self._outcome = ((text, paint),)
        self._app.say(text, stay=paint == "alarm")

    @property
    def _run_shown(self) -> str | None:
        """The run on the screen: F9 acts on it and on no other."""
        run = self._app.view.run
        return None if run is None else run.id

    @property
    def _meant(self) -> Target:
        """What F9 closes: the account that the shown run's engine trades, else what its journal says."""
        run, owner = self._app.view.run, lock_owner(self._app.data_dir)
        traded = None if owner is None else owner.traded
        if run is not None and traded is not None and run.venue == traded.environment:
            return account_of_note(traded)
        return SimulatedRuns(self._run_shown)

    @property
    def _place(self) -> str:
        """What is closed, in words: the account of the run on the screen, or that run."""
        run, owner = self._app.view.run, lock_owner(self._app.data_dir)
        if run is None:
            return "paper"
        if run.venue not in ACCOUNTS:
            return run.id
        traded = None if owner is None else owner.traded
        host = "" if traded is None else f" at {traded.host}"
        return f"the {run.venue} account of {run.id}{host}"

    def _told(self, text: str) -> None:
        self._said = text
        self._app.call_from_thread(self._app.say, f"CLOSING ALL: {text}", stay=True)


def _outcome_of(closed: Closed) -> tuple[str, str]:
    """Return how it went in words, and their paint."""
    if closed.left:
        names = ", ".join(
            f"{row['symbol']} {row.get('what', 'position')} {row['qty']}" for row in closed.left
        )
        return f"STILL OPEN: {names}. Press F9 again.", "alarm"
    if closed.unfenced or closed.unclosed:
        return f"NOT PROVED CLOSED: {'; '.join([*closed.unfenced, *closed.unclosed])}", "alarm"
    return f"ALL CLOSED: nothing remains ({closed.how})", "up"
