"""The installed command with a machine's clock that a test may set, forward or back: ``python set_clock.py FILE WORDS...``.

FILE holds by how much the clock is off (ms); every command of a bot sees the same, as on a machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def set_clock(it: Any, ms: int = 0) -> None:
    """Have all commands of a scene's bot started from now on see a clock, and set it by ``ms``."""
    told = Path(it.folder) / "clock"
    told.with_suffix(".new").write_text(str(ms))
    told.with_suffix(".new").rename(told)
    own = it.bot.data_dir

    def command(words: tuple[object, ...]) -> list[str]:
        texts = [str(word) for word in words]
        return [sys.executable, __file__, str(told), *texts, "--data-dir", str(own)]

    it.bot._command = command


def main(told: Path, words: list[str]) -> int:
    sys.path.insert(0, str(ROOT))
    from tradebot import clock

    real = clock.SystemClock.wall_ms

    def wall_ms(self: clock.SystemClock) -> int:
        return real(self) + int(told.read_text())

    clock.SystemClock.wall_ms = wall_ms  # type: ignore[method-assign]
    from tradebot.__main__ import main as command

    return command(words)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
