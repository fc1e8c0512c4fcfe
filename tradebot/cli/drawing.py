"""What ``backtest --plot`` and ``--html`` add to its answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.core.model.effects import EquityPoint
from tradebot.core.model.errors import TradebotError, UsageError


def check_page(path: Path | None) -> None:
    """Raise UsageError for a page that could not be written: better before the run than after it."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError("--html names a directory", hint="name a file in it", file=str(path))
    if not path.parent.is_dir():
        raise UsageError(
            "--html names a file in a directory that does not exist",
            hint=f"make {path.parent} first",
            file=str(path),
        )


def drawn(result: Result, equity: Sequence[EquityPoint], options: RunOptions) -> Result:
    """Return the answer with the charts in it, and the page written, where they were asked for."""
    if options.html is not None:
        result = _with_page(result, equity, options.html)
    if options.plot and not options.common.json:
        from tradebot.cli.plot import plot

        charts = plot(result.data["summary"], equity, result.data["trades"])
        result = replace(result, text=f"{result.text}\n\n{charts}")
    return result


def _with_page(result: Result, equity: Sequence[EquityPoint], path: Path) -> Result:
    from tradebot.reports.page import page

    text = page(result.data["summary"], equity, result.data["trades"], result.warnings)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TradebotError(
            f"the page cannot be written: {error.strerror}", file=str(path)
        ) from None
    data = {**result.data, "html": str(path)}
    return replace(result, data=data, text=f"{result.text}\n\nwrote {path}")


__all__ = ["check_page", "drawn"]
