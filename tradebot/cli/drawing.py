"""What ``backtest --plot`` and ``--html`` add to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.core.model.effects import EquityPoint
from tradebot.disk import write_text


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
    write_text(path, text)
    data = {**result.data, "html": str(path)}
    return replace(result, data=data, text=f"{result.text}\n\nwrote {path}")


__all__ = ["drawn"]
