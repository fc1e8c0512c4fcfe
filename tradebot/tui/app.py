"""The app: its views and keys, what it reads twice a second, and what the kill keys do."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, Key
from textual.screen import ModalScreen, Screen

from tradebot.app import control
from tradebot.app.target import Request
from tradebot.core.model.errors import TradebotError
from tradebot.journal.paths import journal_path
from tradebot.tui.account import AccountPage
from tradebot.tui.bot import BotPage
from tradebot.tui.closing import CloseAll, ClosingAll
from tradebot.tui.dialog import Question
from tradebot.tui.feed import Feed, View
from tradebot.tui.figures import quantity
from tradebot.tui.ghost import GhostPage
from tradebot.tui.help import HelpPage, key_groups
from tradebot.tui.keys import markdown
from tradebot.tui.kill_keys import KillKeys
from tradebot.tui.live import LivePage
from tradebot.tui.log import LogPage
from tradebot.tui.page import LIVE, PAPER, TABS, Page, front
from tradebot.tui.painted import Line
from tradebot.tui.paper import PaperPage
from tradebot.tui.plots import PlotPage
from tradebot.tui.presence import Presence
from tradebot.tui.readiness import ReadinessPage
from tradebot.tui.reason import AskReason, Reason
from tradebot.tui.report import ReportPage
from tradebot.tui.risk import RiskPage
from tradebot.tui.setting import ANSWER_S, Exit, Setting
from tradebot.tui.signals import SignalsPage
from tradebot.tui.starting import LiveStart
from tradebot.tui.terminal import Outlet, TerminalDriver, alone
from tradebot.tui.theme import LABEL, THEME

LOOK_S = 0.5
"""Seconds between two looks at the journal."""

SAID_S = 10.0
"""Seconds for which the outcome of a kill key stays in the banner."""

BROKEN = "this view cannot be drawn"

FIRST = "reading the journal"
"""What is said until the first look is done."""


def _view_keys() -> list[BindingType]:
    return [
        Binding(
            "question_mark,f1" if key == "?" else key,
            f"view('{mode}')",
            name,
            id=f"view_{mode}",
            tooltip=f"View: {name}",
            show=False,
        )
        for key, name, mode in TABS
    ]


class TradebotApp(App[Exit]):
    """Shows a data directory's runs. The engine is elsewhere: a thread, another process, or nowhere."""

    TITLE = "tradebot"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        *("painted.tcss", "lines.tcss", "grid.tcss", "status.tcss", "banner.tcss", "keybar.tcss"),
        *("page.tcss", "plot.tcss", "paper.tcss", "live.tcss", "plots.tcss", "risk.tcss"),
        *("account.tcss", "bot.tcss", "ghost.tcss", "dialog.tcss", "reason.tcss", "word.tcss"),
    ]
    MODES: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {  # type: ignore[assignment]
        page.mode: page
        for page in (
            *(PaperPage, LivePage, PlotPage, SignalsPage, RiskPage, AccountPage),
            *(BotPage, LogPage, GhostPage, ReportPage, ReadinessPage, HelpPage),
        )
    }
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as the library has it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f8", "halt", "HALT", id="halt", priority=True, tooltip="HALT: no new entries, at once"
        ),
        Binding(
            "f9",
            "close_all",
            "CLOSE ALL",
            id="close_all",
            priority=True,
            tooltip="CLOSE ALL: asks once; F9 again confirms",
        ),
        *_view_keys(),
        Binding("q", "leave", "Quit", id="quit", tooltip="Quit; asks while positions are open"),
        Binding("ctrl+c,ctrl+q", "leave", "Quit", id="leave", priority=True, show=False),
        Binding(
            "ctrl+p", "command_palette", "Palette", id="palette", tooltip="All actions, by name"
        ),
        Binding("tab", "app.focus_next", "Next table", id="next", tooltip="Go to the next table"),
    ]

    def __init__(self, setting: Setting, outlet: Outlet | None = None) -> None:
        super().__init__(driver_class=None if outlet is None else TerminalDriver)
        self.setting = setting
        self.outlet = outlet
        self.data_dir = setting.config.data_dir()
        self.feed = Feed(self.data_dir, setting.clock, setting.run)
        self.view = View(setting.clock(), self.data_dir, FIRST)
        self.doing = ""
        self._wake = asyncio.Event()
        self.kill_keys = KillKeys(self)
        self.presence = Presence(setting.supervision)
        self.live_start = LiveStart(self)
        self._stopping = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colour of labels, for every theme: one that has none of its own would be white."""
        return {"label": LABEL}

    # -- reading ----------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Choose the colours, answer signals, show the first view and begin to look."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self.get_css_variables()  # the plots take their ground from these, maybe before the library renews them
        self.switch_mode(PAPER)
        if self.setting.listen is not None:
            self.setting.listen(partial(self._signalled, asyncio.get_running_loop()))
        self.run_worker(self._watch(), group="watch")

    def _signalled(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """Leave in order, with the terminal restored, when the process is asked to end; in a signal handler."""
        if self.outlet is not None:
            self.outlet.hurry()  # a terminal that takes nothing more must not keep us
        with suppress(RuntimeError):  # the loop has ended: it is leaving anyway
            loop.call_soon_threadsafe(self.exit, Exit("signal", number))

    def terminal_gone(self) -> None:
        """End with the terminal: a screen without one is nobody's."""
        self.exit(Exit("signal", signal.SIGHUP))

    def _print(self, text: str, stderr: bool = False) -> None:
        """Keep what is printed while the screen is up: it goes where stderr goes now."""
        super()._print(text, stderr)
        if self.outlet is not None and sys.__stderr__ is not None:
            with suppress(OSError, ValueError):
                sys.__stderr__.write(text)
                sys.__stderr__.flush()

    async def _watch(self) -> None:
        """Look at the journal again and again; one that hangs does not stop the clock on screen."""
        while True:
            self._wake.clear()
            look = asyncio.ensure_future(asyncio.to_thread(self.feed.read))
            try:
                while not look.done():
                    await asyncio.wait([look], timeout=LOOK_S)
                    if not look.done():
                        self.paint()
                self.view = look.result()
                self.paint()
                self._leave_hung()
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue
            except asyncio.CancelledError:
                self.feed.close()
                raise

    def _leave_hung(self) -> None:
        """Leave where the engine of this process hangs for too long and nobody is just about to close without it."""
        hung, patience = self.setting.hung, self.setting.patience_s
        if hung is None or patience is None or not self.is_running:
            return
        if not isinstance(self.screen, CloseAll | ClosingAll) and hung() >= patience:
            self.exit(Exit("hung"))

    def look(self) -> None:
        """Look at the journal now."""
        self._wake.set()

    def paint(self) -> None:
        """Show the newest view on the page that is on screen, beneath whatever dialog."""
        if not self.is_running or not self.screen_stack:  # leaving, with a look still under way
            return
        pages = [screen for screen in self.screen_stack if isinstance(screen, Page)]
        self._tell_dialog()
        if self._is_other_front() and len(self.screen_stack) == 1:  # a dialog stays over its view
            self.switch_mode(front(self.view))
            return
        if pages and pages[-1].is_mounted:
            try:
                pages[-1].update_page(self.view, self.setting.clock(), self._said())
            except Exception as error:  # the kill keys must outlive a figure that cannot be shown
                self.notify(f"{BROKEN}: {type(error).__name__} {error}", severity="error")

    def _is_other_front(self) -> bool:
        """Whether the front view on screen is that of another kind of run."""
        return self.current_mode in (PAPER, LIVE) and self.current_mode != front(self.view)

    def _tell_dialog(self) -> None:
        """Let a dialog say what has become of what it is about."""
        top = self.screen
        if isinstance(top, CloseAll):
            self.kill_keys.list_again(top)
        elif isinstance(top, ClosingAll):
            self.kill_keys.tell(top)
        elif isinstance(top, AskReason):
            top.say(self._halt_lines())
        elif isinstance(top, Question) and top.again == "q":
            top.say(self._open_lines())

    def on_page_shown(self) -> None:
        """Fill a view that has just come to the front."""
        self.paint()

    async def on_event(self, event: Event) -> None:
        """Take a key for an answer while it is asked whether somebody is there."""
        typing = bool(self.screen_stack) and isinstance(self.screen, ModalScreen)
        if isinstance(event, Key) and self.presence.takes(event, typing=typing):
            self.paint()
        else:
            await super().on_event(event)

    def _said(self) -> str:
        """Return what the banner asks, or says of the kill keys, else of how this process's engine ended."""
        if asked := self.presence.asks():
            return f"{asked}  {self.doing}".strip()
        if self.doing or self.setting.ended is None:
            return self.doing
        ended = self.setting.ended()
        if ended is None or self.view.live:  # it may have been started again elsewhere
            return ""
        return f"THE RUN HAS ENDED: {ended}. q leaves."

    def say(self, text: str, *, stay: bool = False) -> None:
        """Put a text into the banner; unless it is to stay it goes after a while."""
        self.doing = text
        self.paint()
        if text and not stay:
            self.set_timer(SAID_S, lambda: self.unsay(text))

    def unsay(self, text: str) -> None:
        """Take a text out of the banner, if it is still there."""
        if self.doing == text:
            self.say("")

    # -- views ------------------------------------------------------------------------------------

    def action_view(self, mode: str) -> None:
        """Go to a view; the front one is the one that suits the run on screen."""
        mode = front(self.view) if mode == PAPER else mode
        if self.current_mode != mode:
            self.switch_mode(mode)

    def action_attach(self, run: str) -> None:
        """Show another run; the newest one is followed."""
        newest = self.view.runs[0].id if self.view.runs else None
        self.feed.pin(None if run == newest else run)
        self.notify(f"showing {run}")
        self.action_view(PAPER)
        self.look()

    # -- kill keys ----------------------------------------------------------------------------------

    def action_halt(self) -> None:
        """Halt, without asking: it is reversible."""
        self.kill_keys.halt()

    def action_close_all(self) -> None:
        """Ask, once, and show what will be closed; a second press confirms."""
        self.kill_keys.close_all()

    # -- the engine -----------------------------------------------------------------------------------

    def action_resume(self) -> None:
        """Ask for the reason, then allow entries again."""
        halts = self.view.halts
        if not halts:
            self.notify("Trading is not halted.")
            return
        review = any(one.reason == "week_loss" for one in halts)
        self.push_screen(AskReason(self._halt_lines(), review=review), self._resume)

    def _halt_lines(self) -> list[Line]:
        lines: list[Line] = [((f"{one.reason}: {one.detail}", ""),) for one in self.view.halts]
        return [*lines, (("It goes on record: why may entries be made again?", "dim"),)]

    def _resume(self, reason: Reason | None) -> None:
        if reason is not None:
            request = Request("resume", self.setting.who, reason.text, review=reason.review)
            asked = asyncio.to_thread(control.resume, self.data_dir, request, ANSWER_S)
            self.run_worker(self.answer("RESUME", asked), group="control")

    def action_stop(self) -> None:
        """Ask, then stop the engine in order."""
        if not self.view.live:
            self.notify("No engine runs.")
            return
        if self._stopping:
            self.notify("It is stopping.")
            return
        text = "The engine stops in order: entries are cancelled, positions and their stops stay in the"
        lines: list[Line] = [((f"{text} journal, and the next start goes on from there.", ""),)]
        self.push_screen(Question("STOP", lines, "Stop the engine", again="x"), self._stop)

    def _stop(self, yes: bool | None) -> None:
        if yes:
            self._stopping = True
            self.run_worker(self._stop_engine(), group="control")

    async def _stop_engine(self) -> None:
        request = Request("stop", self.setting.who, "stopped on the screen")
        path = journal_path(self.data_dir)
        try:
            await self.answer("STOP", asyncio.to_thread(control.ask, path, request, ANSWER_S))
        finally:
            self._stopping = False

    async def answer(self, what: str, asked: Any) -> None:
        """Say what came of a command."""
        try:
            said = await asked
        except TradebotError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            self.notify(f"{error.message}{hint}", title=what, severity="error", timeout=10)
        else:
            self.notify(said or "the engine has not answered yet", title=what)
        self.look()

    def key_b(self) -> None:
        """Start an engine from every view, as the banner says, where the last one is dead."""
        if self.view.engine == "dead" and not isinstance(self.screen, ModalScreen):
            self.action_start()

    def action_start(self) -> None:
        """Start an engine beside this screen, where none runs: of the kind that the run on screen is."""
        run = self.view.run
        if run is not None and run.mode == "live":
            self.action_start_live()
        elif self.may_start(self.setting.start):
            assert self.setting.start is not None
            self.feed.pin(None)
            self.run_worker(self.answer("START", asyncio.to_thread(self.setting.start)))

    def may_start(self, start: object) -> bool:
        """Whether an engine may be started here; says why not."""
        if self.view.live:
            self.notify("An engine runs already.")
        elif start is None:
            self.notify(
                "This screen belongs to the command that opened it: q leaves, then start it again."
            )
        return not self.view.live and start is not None

    def action_start_live(self) -> None:
        """Go through the checklist, show what is at stake, and start with real money if the word is typed."""
        self.live_start.begin()

    # -- leaving ------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; while positions are open, ask first."""
        asked = isinstance(self.screen, Question) and self.screen.again == "q"
        held = self.view.positions if self.view.live else []
        if asked or not held:
            self.exit(Exit("quit"))
            return
        self.push_screen(Question("QUIT", self._open_lines(), "Quit", again="q"), self._left)

    def _open_lines(self) -> list[Line]:
        held = self.view.positions
        names = ", ".join(f"{row.symbol} {row.side} {quantity(row.qty)}" for row in held)
        if self.setting.ended is not None:
            goes = "The engine stops in order; the positions stay, and the next start goes on."
        else:
            goes = "The engine goes on without this screen."
        return [((f"Open: {names or 'nothing any more'}.", "word"),), ((goes, ""),)]

    def _left(self, yes: bool | None) -> None:
        if yes:
            self.exit(Exit("quit"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """Yield every action, so that the palette finds it by name."""
        for key, name, mode in TABS:
            yield SystemCommand(
                f"{key} {name}", f"Go to {name}", lambda mode=mode: self.action_view(mode)
            )
        yield SystemCommand("F8 HALT", "No new entries, at once", self.action_halt)
        yield SystemCommand("F9 CLOSE ALL", "Ask, then close everything", self.action_close_all)
        yield SystemCommand("Resume", "Allow entries again, with a reason", self.action_resume)
        yield SystemCommand("Stop", "Stop the engine in order", self.action_stop)
        yield SystemCommand("Start", "Start an engine beside this screen", self.action_start)
        yield SystemCommand(
            "Live", "Start with real money; asks for the word", self.action_start_live
        )
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)
        yield SystemCommand("Quit", "Leave the screen", self.action_leave)


def keys_markdown() -> str:
    """Return all keys as a table for the README."""
    return markdown(key_groups(TradebotApp.BINDINGS))


def show(setting: Setting, log: Path) -> Exit | None:
    """Show the screens, alone on the terminal; return how they were left, None if that was not meant.

    What else is written to stdout and stderr meanwhile goes to the ``log``. A wish to leave stands whatever fails
    while it is carried out: F9 past a hung engine is one.
    """
    with alone(log) as outlet:
        return TradebotApp(setting, outlet).run()
