"""Compiled copies of modules: what Python runs in the place of a source, as long as its time and size fit."""

from __future__ import annotations

import importlib.util
import marshal
from pathlib import Path

from tradebot.core.model.errors import StrategyError

_HEAD = 16
"""Bytes before the code: Python's number, flags, and the source's time and size (PEP 552)."""


def refuse_stranger(file: Path) -> None:
    """Raise StrategyError where a source has a compiled copy that would be run and says something else."""
    copy = Path(importlib.util.cache_from_source(str(file)))
    try:
        data, source, state = copy.read_bytes(), file.read_bytes(), file.stat()
    except OSError:
        return
    if data[:4] != importlib.util.MAGIC_NUMBER:
        return
    times = [int(state.st_mtime) & 0xFFFFFFFF, state.st_size & 0xFFFFFFFF]
    said = [int.from_bytes(data[at : at + 4], "little") for at in (8, 12)]
    if not int.from_bytes(data[4:8], "little") and said != times:
        return  # it is out of date, and will be made anew
    try:
        same = marshal.loads(data[_HEAD:]) == compile(source, str(file), "exec", dont_inherit=True)
    except (ValueError, EOFError, TypeError, SyntaxError):
        same = False
    if not same:
        raise StrategyError(
            "its compiled copy is not what the source says, and is what would run",
            file=str(file),
            hint=f"remove {copy}",
        )
