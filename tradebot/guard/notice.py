"""What an engine that cannot write its journal has to say: a small file that other faces read.

The journal itself is how faces hear of everything else; when that is what fails, this is left.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.text import cleaned
from tradebot.disk import replace_durably

NOTICE_FILE = "tradebot.notice"


@dataclass(frozen=True, slots=True)
class Notice:
    """What is wrong, in words, and since when (real clock, UTC milliseconds)."""

    text: str
    since: int


def write_notice(data_dir: Path, text: str, clock: Clock = SYSTEM) -> None:
    """Leave a notice; where even that cannot be written there is none."""
    with contextlib.suppress(OSError):
        replace_durably(data_dir / NOTICE_FILE, json.dumps(asdict(Notice(text, clock.wall_ms()))))


def read_notice(data_dir: Path) -> Notice | None:
    """Return the notice of the engine that runs, or of one that died of it; None without one."""
    try:
        found = cleaned(json.loads((data_dir / NOTICE_FILE).read_text(encoding="utf-8")))
        return Notice(str(found["text"]), int(found["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def clear_notice(data_dir: Path) -> None:
    """Take the notice away; nothing happens if there is none."""
    with contextlib.suppress(OSError):
        (data_dir / NOTICE_FILE).unlink(missing_ok=True)
