"""What an engine has to say that cannot write its journal, or has not begun to: a small file that other faces read.

The journal itself is how faces hear of everything else; when that is what fails, this is left.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.text import cleaned
from tradebot.disk import replace_durably

NOTICE_FILE = "tradebot.notice"

NoticeKind: TypeAlias = Literal["journal", "hung", "waits"]
"""The journal takes nothing; it made no progress and was ended; it sends nothing before a resume."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is wrong, in words, and since when (real clock, UTC milliseconds)."""

    text: str
    since: int
    kind: NoticeKind = "journal"


def write_notice(
    data_dir: Path, text: str, clock: Clock = SYSTEM, kind: NoticeKind = "journal"
) -> None:
    """Leave a notice; where even that cannot be written there is none."""
    with contextlib.suppress(OSError):
        notice = Notice(text, clock.wall_ms(), kind)
        replace_durably(data_dir / NOTICE_FILE, json.dumps(asdict(notice)))


def read_notice(data_dir: Path) -> Notice | None:
    """Return the notice of the engine that runs, or of one that died of it; None without one."""
    try:
        found = cleaned(json.loads((data_dir / NOTICE_FILE).read_text(encoding="utf-8")))
        kind = found.get("kind")
        known: NoticeKind = kind if kind in ("hung", "waits") else "journal"
        return Notice(str(found["text"]), int(found["since"]), known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def clear_notice(data_dir: Path) -> None:
    """Take the notice away; nothing happens if there is none."""
    with contextlib.suppress(OSError):
        (data_dir / NOTICE_FILE).unlink(missing_ok=True)
