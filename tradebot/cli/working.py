"""A progress bar on a terminal for what takes a while beside a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tradebot.cli.options import Common


@contextmanager
def working(common: Common, what: str) -> Iterator[Callable[[float], None]]:
    """Show on a terminal's stderr how much (0..1) of something is done; elsewhere nothing."""
    if common.json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(
            what, total=None
        )  # nobody knows yet how many changes will be tried
        yield lambda share: progress.update(task, total=1.0, completed=share)


__all__ = ["working"]
