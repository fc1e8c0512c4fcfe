"""A machine's clock that is set while a position is held: the same is asked whichever way it goes."""

from __future__ import annotations

from pathlib import Path

from kits.disaster_blocked import end, held_scene, trades_again
from kits.set_clock import set_clock


def jump(folder: Path, ms: int) -> None:
    """Set the clock by ``ms``: the stop stays, no request is refused for its time, entries are taken again."""
    with held_scene(folder, prepare=set_clock) as it:
        before = len(it.changes())
        set_clock(it, ms)
        assert trades_again(it)
        assert it.purposes() in ("ee", "e")
        late = [row for row in it.changes()[before:] if row["status"] != 200]
        assert late == []
        assert not it.halted()
        assert it.bot.status()["engine"] == "running"
        end(it)
        it.agree()
