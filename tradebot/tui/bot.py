"""The Bot view: the engine, its strategy, the next bar, the runs; start, halt, resume, stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tradebot.alerts.stored import ChannelRow
from tradebot.app.alerts_state import channel_words
from tradebot.core.model.errors import TradebotError
from tradebot.core.strategy.resample import timeframe_ms
from tradebot.journal.rows import RunRow
from tradebot.journal.snapshots import Snapshot
from tradebot.journal.status import dead_words
from tradebot.plugins.strategies import load_strategy
from tradebot.tui.detail import wrapped
from tradebot.tui.feed import View
from tradebot.tui.figures import clock, duration
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line
from tradebot.tui.tables import RUNS, ListedRun

SCROLLBAR = 2
"""Columns that are taken from the text where it is longer than its place."""

WORDS = {"running": "", "hung": "alarm", "dead": "alarm", "stopped": "warn"}
"""The paint of how the engine is."""


class BotPage(Page):
    """The engine above, the runs below; enter on a run shows it everywhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "app.start", "Begin a run", id="start", tooltip="Start an engine (headless)"),
        Binding(
            "l",
            "app.start_live",
            "Begin with real money",
            id="start_live",
            tooltip="Start a live engine; the word LIVE has to be typed",
        ),
        Binding("h", "app.halt", "Halt", id="bot_halt", tooltip="The same as F8"),
        Binding("r", "app.resume", "Resume", id="resume", tooltip="Allow entries, with a reason"),
        Binding("x", "app.stop", "Stop", id="stop", tooltip="Stop the engine in order"),
    ]

    mode = "bot"

    def body(self) -> ComposeResult:
        """Yield board and table."""
        yield Lines(id="engine", classes="auto")
        yield Grid("Runs", RUNS, lambda row: row.id, id="runs")

    def on_mount(self) -> None:
        """Begin with an empty board."""
        self._shown: object = None
        self._rows: list[ListedRun] = []

    def tell(self, view: View) -> None:
        """Fill both."""
        board = self.query_one("#engine", Lines)
        board.border_title = "Bot"
        board.show(engine_lines(view, (board.size.width or 80) - SCROLLBAR))
        shown = (view.runs, view.engine, view.running)
        if shown != self._shown:
            self._shown, self._rows = shown, run_rows(view)
        self.query_one(Grid).show(self._rows, "No runs yet: b starts one on the embedded market.")

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show the run that was chosen."""
        self.app.call_later(self.app.run_action, f"attach('{message.row.id}')")


def engine_lines(view: View, width: int) -> list[Line]:
    """Return engine, market, strategy, parameters and the next bar, and the keys that steer them."""
    run = view.run
    keys: Line = (
        *(("b", "key"), (" begin   ", "dim"), ("l", "key"), (" live   ", "dim")),
        *(("h", "key"), (" halt   ", "dim")),
        *(("r", "key"), (" resume   ", "dim"), ("x", "key"), (" stop   ", "dim")),
        *(("enter", "key"), (" shows the run below", "dim")),
    )
    if run is None:
        return [
            _pair("engine", "none runs here", "warn"),
            _pair("data", str(view.data_dir)),
            _pair("start", "b starts a paper run on the embedded market; or run `tradebot paper`"),
            (),
            keys,
        ]
    strategy = view.config.get("strategy", {})
    return [
        *wrapped("engine", _engine(view), width, WORDS[view.engine]),
        *wrapped("trading", _trading(view), width, "alarm" if view.halts else "up"),
        _pair("run", f"{run.id} ({run.mode}, {run.venue}), begun {clock(run.started)}Z"),
        *wrapped("market", f"{run.market}, {_speed(view)}", width),
        *_streams(view, width),
        _pair("strategy", f"{run.strategy} on {strategy.get('timeframe', '-')} bars"),
        *wrapped("params", parameters(run.strategy, strategy.get("params", {})), width),
        _pair("next bar", next_bar(view)),
        *_alerts(view, width),
        _pair("data", str(view.data_dir)),
        (),
        keys,
    ]


def _pair(name: str, value: str, paint: str = "") -> Line:
    return ((f"{name:<10}", "dim"), (value, paint))


def _engine(view: View) -> str:
    if view.engine == "dead":
        words = dead_words(view.snapshot, view.wall)
        return f"{words}; b starts one that goes on with it, F9 closes"
    if view.engine == "stopped":
        return "stopped; b starts one (it goes on with an interrupted run)"
    word = "runs" if view.engine == "running" else "HANGS: F9 closes everything without it"
    return f"{word}, process {view.pid}"


def _trading(view: View) -> str:
    halts = view.halts
    if not halts:
        return "armed" if view.live else "not halted"
    return "HALTED: " + "; ".join(f"{one.reason} ({one.detail})" for one in halts)


def _speed(view: View) -> str:
    if view.snapshot is None:
        return "speed unknown"
    speed = view.snapshot.speed
    return "as fast as it goes" if speed is None else f"{speed:g} market minutes a minute"


def _streams(view: View, width: int) -> list[Line]:
    """Return how long ago each stream was heard, and how long a ban still lasts; nothing without an exchange."""
    if not view.streams:
        return []
    banned = view.banned_s(view.wall)
    said = [f"BANNED for {banned:.0f}s more"] if banned else []
    return wrapped("streams", ", ".join([*said, ages(view)]), width, "alarm" if banned else "")


def _alerts(view: View, width: int) -> list[Line]:
    """Return how the alerter and each channel do; nothing where no channel is configured."""
    state = view.alerts
    if state.word == "off":
        return []
    lines = wrapped("alerts", state.headline, width, "alarm" if state.alarm else "")
    if state.phone:
        lines += wrapped("phone", state.phone, width, "warn")
    for row in sorted(state.channels, key=_health):
        paint = ("alarm", "warn", "")[_health(row)]
        lines += wrapped(row.channel[:9], channel_words(row), width, paint)
    return lines


def _health(row: ChannelRow) -> int:
    """Return how well a channel is: what is wrong comes first, for where room is short."""
    return 0 if row.stopped or row.expired_critical else 1 if row.failures else 2


def ages(view: View) -> str:
    """Return how long ago each stream was heard."""
    return ", ".join(
        f"{name} {'AWAY' if age is None else f'{age:.0f}s'}" for name, age in view.streams
    )


def next_bar(view: View) -> str:
    """Return how long the strategy's next bar takes to close, in market time and on the wall."""
    frame = view.config.get("strategy", {}).get("timeframe")
    shown = view.snapshot
    if frame is None or shown is None or not view.live:
        return "-"
    interval = timeframe_ms(frame)
    left = (interval - shown.at % interval) / 1000
    wall = "" if shown.speed in (None, 1) else f" ({left / shown.speed:.1f}s here)"
    return f"closes in {duration(left)}{wall}; market time {clock(shown.at)}Z"


def parameters(name: str, given: dict[str, Any]) -> str:
    """Return the parameters in force; those left at their default only where the strategy is built in."""
    known = dict(given)
    if ":" not in name:  # a user's file is not run for this
        try:
            known = load_strategy(name, Path(), given).params.model_dump()
        except TradebotError:
            known = dict(given)
    return ", ".join(f"{key}={value}" for key, value in known.items()) or "all at their defaults"


def run_rows(view: View) -> list[ListedRun]:
    """Return a row per run, the newest first."""
    return [_run(run, view.running.get(run.id), dead=not view.held) for run in view.runs]


def _run(run: RunRow, shown: Snapshot | None, *, dead: bool) -> ListedRun:
    pnl, trades = run.pnl, run.trades
    if shown is not None:  # it is not over: what was written last of an earlier start is old
        pnl, trades = shown.pnl, shown.completed_trades
    return ListedRun(
        id=run.id,
        state="DEAD" if run.state == "running" and dead else run.state,
        started=run.started,
        trades=trades,
        pnl=pnl,
        strategy=run.strategy,
        market=run.market,
    )
