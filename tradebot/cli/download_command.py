"""``download``: from options to files and what is said of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args

from tradebot.app.download import Downloaded, Wanted
from tradebot.app.download import download as bring
from tradebot.cli.options import Common, DownloadOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import UsageError
from tradebot.core.strategy.resample import timeframe_ms
from tradebot.market.binance.archive import ArchiveKind
from tradebot.wire.hosts import find_hosts


def download(options: DownloadOptions) -> int:
    """Bring the files; 0 when all are there, though some may be empty."""
    config = read_config(options.common, {})
    wanted = Wanted(
        tuple(dict.fromkeys(_symbol(name) for name in options.symbols)),
        _kind(options.kind),
        _timeframe(options.timeframe),
        options.first,
        options.last,
        options.folder,
    )
    with _progress(options.common) as progress:
        found = bring(wanted, find_hosts("live", config.exchange.url), progress)
    rows = [{"file": str(one.file), "rows": one.rows, "state": one.state} for one in found]
    return show(
        Result("download", {"download": rows}, _warnings(found), text=_text(found)),
        as_json=options.common.json,
    )


def _symbol(name: str) -> str:
    """Return ``BTC/USDT`` for either way of writing it."""
    whole = name.strip().upper()
    base, slash, quote = whole.partition("/")
    if not slash:
        base, quote = whole.removesuffix("USDT"), "USDT" if whole.endswith("USDT") else ""
    if not base.isalnum() or not quote.isalnum():
        raise UsageError(
            f'"{name}" is no symbol', hint="write it as BTC/USDT or BTCUSDT", key="SYMBOL"
        )
    return f"{base}/{quote}"


def _kind(text: str) -> ArchiveKind:
    for kind in get_args(ArchiveKind):
        if text == kind:
            return kind  # type: ignore[no-any-return]
    raise UsageError(
        f'there is no kind "{text}"', hint="choose klines, mark or funding", key="--kind"
    )


def _timeframe(text: str) -> str:
    try:
        timeframe_ms(text)
    except ValueError as error:
        raise UsageError(str(error), key="--timeframe") from None
    return text


def _warnings(found: list[Downloaded]) -> list[str]:
    empty = [one.file.stem for one in found if one.state == "empty"]
    if not empty:
        return []
    shown = ", ".join(empty[:3]) + (f" and {len(empty) - 3} more" if len(empty) > 3 else "")
    return [f"Binance has nothing for {shown}"]


def _text(found: list[Downloaded]) -> str:
    lines = [
        f"{one.state:5} {one.rows:>7} rows  {one.file}" for one in found if one.state != "empty"
    ]
    new = sum(one.state == "new" for one in found)
    kept = sum(one.state == "kept" for one in found)
    return "\n".join([*lines, f"{new} new, {kept} kept"])


@contextmanager
def _progress(common: Common) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar on a terminal's stderr; elsewhere nothing."""
    if common.json or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("download", total=1.0)
        yield lambda share, name: progress.update(task, completed=share, description=name)
