"""The gates once more while a live run trades: every hour, in a process of its own at low priority.

The child judges and prints why entries may not be made; the parent waits a minute at most. What nobody can say counts
as not known, and stops entries as a gate that was lost does; neither touches what protects a position.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tradebot.app.checklist import until_turn
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import TradebotError

if TYPE_CHECKING:
    from tradebot.config import Config

HOURLY = ("paper", "stability", "ghost", "keys", "account", "walls", "reviewers")
"""The gates that can be lost while a run trades; the others are asked for when it starts."""

HOUR_S = 3600.0
"""Seconds between two times while every gate passes."""
AGAIN_S = 300.0
"""Seconds until it is tried again while one does not: entries come back with the next good answer."""
MOST_TURNS = 2
"""So often it is tried again at the turn of the minute where only its requests were used up: then as for any other reason."""
PATIENCE_S = 60.0
"""Seconds for which an answer is waited for."""
SECOND_LOOK_S = 5.0
"""Seconds between a child's two looks: what an engine does in the moment of the first may be half on record."""
LOOK_S = 0.5
NICENESS = 19
WIDEST = 300
"""Characters of a gate's reasons that are told."""

UNKNOWN = "nobody can say whether the gates still pass"
SPENT = f"{UNKNOWN}: the requests of this minute are used up"
COMMAND = (sys.executable, "-P", "-m", "tradebot.app.recompute")

Over = Callable[[float], bool]
"""Waits for so many seconds; says whether the run has ended."""


class GateWatch:
    """Asks every hour whether the gates still pass, and tells why they do not: nothing where they do.

    Without an answer (None) the run has ended meanwhile, and nothing is told. ``url`` is that of a venue of this machine.
    """

    def __init__(
        self,
        ask: Callable[[Over], Sequence[str] | None],
        tell: Callable[[Sequence[str]], None],
        clock: Clock = SYSTEM,
        url: str = "",
    ) -> None:
        self._ask = ask
        self._tell = tell
        self._clock = clock
        self._url = url

    def watch(self, over: Over) -> None:
        """Do so until the run has ended; a minute's failure is told, and no end."""
        pause, turns = HOUR_S, 0
        while not over(pause):
            reasons = self._asked(over)
            if reasons is not None:
                self._tell(reasons)
            turns = turns + 1 if reasons and SPENT in reasons else 0
            pause = self._pause(turns) if reasons else HOUR_S

    def _pause(self, turns: int) -> float:
        """Return for how long to wait where something was said, ``turns`` times in a row that requests were used up."""
        return until_turn(self._url, self._clock) if 0 < turns <= MOST_TURNS else AGAIN_S

    def _asked(self, over: Over) -> Sequence[str] | None:
        try:
            return self._ask(over)
        except Exception as error:  # of whatever kind: a watch that ended would let entries through
            return (f"{UNKNOWN}: {type(error).__name__}: {error}"[:WIDEST],)


def ask_child(
    config: Config, over: Over, clock: Clock = SYSTEM, command: Sequence[str] = COMMAND
) -> tuple[str, ...] | None:
    """Return why no entry may be made, by a process of its own; none where every gate passes, None if the run ends.

    The configuration is the one in force, whatever has been made of its file since.
    """
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the engine
        )
    except OSError as error:
        return (f"{UNKNOWN}: {error.strerror}",)
    try:
        return _answer_of(child, pickle.dumps(config), over, clock)
    finally:
        child.kill()
        child.communicate()


def _answer_of(
    child: subprocess.Popen[bytes], given: bytes, over: Over, clock: Clock
) -> tuple[str, ...] | None:
    until = clock.monotonic() + PATIENCE_S
    told: bytes | None = given
    while clock.monotonic() < until:
        try:
            out, err = child.communicate(told, timeout=LOOK_S)
            return _read(child.returncode, out, err)
        except subprocess.TimeoutExpired:
            told = None
        if over(0):
            return None
    return (f"{UNKNOWN}: no answer within {PATIENCE_S:.0f} s",)


def _read(code: int, out: bytes, err: bytes) -> tuple[str, ...]:
    """Return what a child has said; one that failed, or said something else, has said nothing."""
    try:
        said = json.loads(out)
    except ValueError:
        said = None
    if code or not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        return (f"{UNKNOWN}: whoever works it out ended with {code} {last}".strip()[:WIDEST],)
    return tuple(said)


# -- the child ----------------------------------------------------------------------------------------


def lost_gates(config: Config, clock: Clock = SYSTEM) -> list[str]:
    """Return the gates of ``HOURLY`` that do not pass now, each with its reasons."""
    first = _look(config)
    if not first or SPENT in first:  # the next look comes with the next minute
        return first
    clock.sleep(SECOND_LOOK_S)
    return _look(config)


def _look(config: Config) -> list[str]:
    from tradebot.app.checklist import go_through
    from tradebot.app.ours import read_ours
    from tradebot.app.readiness import judge
    from tradebot.plugins.strategies import load_strategy

    chosen = config.strategy
    spec = load_strategy(chosen.name, config.strategy_dir(), chosen.params)
    ours = read_ours(config.data_dir(), config.exchange.environment)
    asked = go_through(config, spec, ours)
    found = judge(config, spec, found=asked, progress=None)
    lost = [f"{one.gate}: {'; '.join(one.reasons)}"[:WIDEST] for one in found.binding(HOURLY)]
    return [SPENT, *lost] if lost and asked.is_used_up else lost


def main() -> int:
    """Read a configuration from stdin, print why entries may not be made as a list (JSON); other output goes to stderr."""
    os.nice(NICENESS)
    answer, sys.stdout = sys.stdout, sys.stderr
    config: Config = pickle.load(sys.stdin.buffer)
    try:
        said = lost_gates(config)
    except TradebotError as error:
        said = [f"{UNKNOWN}: {error.message}"]
    answer.write(json.dumps(said))
    answer.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
