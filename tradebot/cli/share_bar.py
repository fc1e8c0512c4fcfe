"""A bar that says how much of a run has been played again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def share_bar(as_json: bool, name: str) -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar on a terminal's stderr; None elsewhere, and beside JSON."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.update(task, completed=share)


@contextmanager
def parity_bar(as_json: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how far the gate *parity* is with each run that it plays."""
    if as_json or not sys.stderr.isatty():
        yield lambda _run, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    tasks: dict[str, TaskID] = {}
    columns = (TextColumn("parity {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def bar(run: str, share: float) -> None:
            if run not in tasks:
                tasks[run] = progress.add_task(run, total=1.0)
            progress.update(tasks[run], completed=share)

        yield bar
