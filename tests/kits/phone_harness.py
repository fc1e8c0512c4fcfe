"""Runs the real ``alerts run`` with a death wish: SIGKILL at the k-th passing of a step of an act from the phone.

Called as ``phone_harness.py POINT K FOLDER words...``. Passings count from when the file FOLDER/armed is there; they are
written to FOLDER/passed at an orderly end, so that a sweep knows what there is to enumerate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kits.crash_harness import Fate

POINTS = (
    "fetched",  # an update has come
    "keep.before",  # offset and pending act, or the mark that it is done, are about to be committed
    "keep.after",
    "act.before",  # the act itself
    "latch.before",
    "latch.after",  # the HALT file is there
    "command.before",
    "command.after",  # the row is in the journal
    "act.after",
    "started",  # the closing has a process of its own
    "send.before",  # an answer
    "send.after",
)


class ArmedFate(Fate):
    """Counts once it is armed."""

    def __init__(self, point: str, k: int, folder: Path) -> None:
        super().__init__(point, k)
        self.folder = folder

    def pass_by(self, point: str) -> None:
        if (self.folder / "armed").exists():
            super().pass_by(point)


def arm(fate: Fate) -> None:
    """Put the points into the running program."""
    import asyncio

    from tradebot.alerts.bot_api import BotApi
    from tradebot.alerts.telegram import Phone
    from tradebot.app import alerter, control

    fate.around(Phone, "_keep", before="keep.before", after="keep.after")
    for name in ("halt", "close_all"):
        fate.around(alerter.RemoteCommander, name, before="act.before", after="act.after")
    fate.around(alerter, "latch", before="latch.before", after="latch.after")
    for owner, name in ((alerter, "post_command"), (control, "post_command")):
        fate.around(owner, name, before="command.before", after="command.after")
    _around(fate, BotApi, "updates", "", "fetched")
    _around(fate, BotApi, "send", "send.before", "send.after")
    _around(fate, asyncio, "create_subprocess_exec", "", "started")


def _around(fate: Fate, owner: Any, name: str, before: str, after: str) -> None:
    work = getattr(owner, name)

    async def watched(*args: Any, **named: Any) -> Any:
        if before:
            fate.pass_by(before)
        result = await work(*args, **named)
        if after != "fetched" or result:
            fate.pass_by(after)
        return result

    setattr(owner, name, watched)


def main() -> int:
    """Arm the program and run its command line."""
    point, k, folder, *words = sys.argv[1:]
    fate = ArmedFate(point, int(k), Path(folder))
    arm(fate)
    from tradebot.__main__ import main as command

    code = command(words)
    (Path(folder) / "passed").write_text(json.dumps(fate.passed))
    return code


if __name__ == "__main__":
    sys.exit(main())
