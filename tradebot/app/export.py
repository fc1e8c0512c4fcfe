"""A month's report written from a screen: by a process of its own, since an engine may run in this one."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any

from tradebot.app.report import Told, export_path
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.disk import private_directory, write_text

HINT = "tradebot report says more"


async def export_month(config: Config, told: Told) -> str:
    """Write a month as ``report`` has it, with benchmarks and what to change, as a page and as JSON; return the page's path.

    TradebotError where it cannot be.
    """
    path = export_path(told, config.data_dir())
    private_directory(path.parent)
    words = ["report", "--month", told.period.code, "--mode", told.report.mode]
    words += ["--html", str(path), "--json", "--data-dir", str(config.data_dir())]
    if config.file is not None:
        words += ["--config", str(config.file)]
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tradebot", *words),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
        )
        out, _ = await process.communicate()
    except OSError as error:
        raise TradebotError(f"it cannot be started: {error.strerror or error}", hint=HINT) from None
    report = _report_of(out, process.returncode)
    write_text(path.with_suffix(".json"), json.dumps(report, indent=1) + "\n")
    return str(path)


def _report_of(out: bytes, code: int | None) -> dict[str, Any]:
    try:
        answer = json.loads(out)
        error, report = answer["error"], (answer["data"] or {}).get("report")
    except (ValueError, KeyError, TypeError, AttributeError):
        error, report = {"message": f"it ended with code {code}"}, None
    if error is not None or not isinstance(report, dict):
        raise TradebotError(str((error or {}).get("message", "it has no report")), hint=HINT)
    return report


__all__ = ["export_month"]
