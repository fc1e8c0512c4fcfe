"""From the commit of an audit row to its acceptance by each channel, and what alerts cost in memory.

A paper engine is halted and resumed again and again; Bot API, mail server and webhook on 127.0.0.1 note when they took
the message that ends with the row's number.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import measure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kits.mail_kit import FakeMailServer
from kits.paper_kit import Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.app.control import halt, resume
from tradebot.app.target import Request
from tradebot.guard.alerts_lock import alerter_pid

PAUSE_S = 6.5
"""Between two halts: no channel's own rate may delay what is measured."""

CHANNELS = ("telegram", "email", "webhook")
SECRETS = {"TRADEBOT_SECRET_TELEGRAM_TOKEN": TOKEN, "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET}


def configured(phone: FakeTelegram, mail: FakeMailServer, hook: WebhookReceiver) -> str:
    """Return the configuration that sends nothing but what is critical, everywhere."""
    return (
        '[alerts]\nchannels = ["telegram", "email", "webhook"]\nsimulated = true\n'
        f'[alerts.telegram]\nchat_id = "{USER}"\napi = "{phone.url}"\n'
        f'[alerts.email]\nhost = "127.0.0.1"\nport = {mail.port}\nsecurity = "none"\n'
        'from = "me@example.org"\nto = ["me@example.org"]\n'
        f'[alerts.webhook]\nurl = "{hook.target}"\n'
        '[alerts.on]\nwarning = "off"\ninfo = "off"\n'
    )


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def end(bot: Bot) -> None:
    """End engine and alerter."""
    for process in bot.started:
        process.terminate()
        process.communicate(timeout=60)
    pid = alerter_pid(bot.data_dir)
    if pid:
        os.kill(pid, signal.SIGTERM)
        bot.until(lambda: alerter_pid(bot.data_dir) is None)


def without() -> float:
    """Return the memory of an engine that tells nobody."""
    with tempfile.TemporaryDirectory() as name:
        bot = Bot(Path(name), Path(name) / "data")
        engine = bot.engine("--symbols", "BTC/USDT")
        time.sleep(PAUSE_S)
        found = resident(engine.pid)
        end(bot)
        return found


def halted(bot: Bot, count: int) -> dict[int, float]:
    """Halt and resume ``count`` times; return when each halt's row was committed (s since the epoch), by its number."""
    for number in range(count):
        measure.say(f"halt {number + 1} of {count}")
        halt(bot.data_dir, Request("halt", "bench", f"number {number}"), 30)
        time.sleep(PAUSE_S / 2)
        resume(bot.data_dir, Request("resume", "bench", "on"), 30)
        time.sleep(PAUSE_S / 2)
    with closing(sqlite3.connect(bot.data_dir / "tradebot.db")) as db:
        rows = db.execute("SELECT seq, wall FROM audit WHERE kind = 'Halted'").fetchall()
    return {seq: wall / 1000 for seq, wall in rows}


def accepted(
    phone: FakeTelegram, mail: FakeMailServer, hook: WebhookReceiver
) -> dict[str, dict[int, float]]:
    """Return when each channel took the message of each row (s since the epoch)."""
    shift = time.time() - time.monotonic()
    texts = {
        "telegram": [(one.text, one.at) for one in phone.sent],
        "email": [(one.text, one.at) for one in mail.taken],
        "webhook": [(str(one.body["text"]), one.at) for one in hook.taken],
    }
    first: dict[str, dict[int, float]] = {name: {} for name in texts}
    for name, found in texts.items():
        for text, at in found:
            if (seq := row_of(text)) is not None:
                first[name].setdefault(seq, at + shift)
    return first


def row_of(text: str) -> int | None:
    """Return the number of the row that a message tells of, also where it is not the only one (``#17.2``)."""
    found = re.search(r"#(\d+)(?:\.\d+)?\s*$", text)
    return int(found[1]) if found else None


def figures(seconds: Sequence[float]) -> dict[str, Any]:
    """Return count, median, 99th percentile and the longest, in ms."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    found = {"p50_ms": statistics.median(ordered), "p99_ms": p99, "most_ms": ordered[-1]}
    return {"count": len(ordered), **{name: round(value * 1000) for name, value in found.items()}}


def measured(count: int) -> dict[str, Any]:
    """Return the latency of each channel and the memory of both processes."""
    bare = without()
    with (
        tempfile.TemporaryDirectory() as name,
        FakeTelegram() as phone,
        FakeMailServer(Path(name)) as mail,
        WebhookReceiver() as hook,
    ):
        bot = Bot(Path(name), Path(name) / "data", env=dict(SECRETS))
        (bot.folder / "bot.toml").write_text(configured(phone, mail, hook))
        engine = bot.engine("--symbols", "BTC/USDT")
        bot.until(lambda: alerter_pid(bot.data_dir) is not None)
        committed = halted(bot, count)
        with suppress(AssertionError):
            bot.until(
                lambda: all(len(one) >= count for one in accepted(phone, mail, hook).values())
            )
        told = accepted(phone, mail, hook)
        pid = alerter_pid(bot.data_dir)
        memory = {"engine_mb": resident(engine.pid), "engine_without_mb": bare}
        memory["alerter_mb"] = 0.0 if pid is None else resident(pid)
        end(bot)
    latency = {
        name: figures([told[name][seq] - at for seq, at in committed.items() if seq in told[name]])
        for name in CHANNELS
    }
    return {"halts": len(committed), "latency": latency, "memory": memory}


def report(args: argparse.Namespace) -> None:
    """Measure and print."""
    data = measured(args.runs)
    table: list[Sequence[Any]] = [["", "told", "p50 ms", "p99 ms", "longest ms"]]
    latency: Mapping[str, Mapping[str, Any]] = data["latency"]
    for name, one in latency.items():
        told = f"{one['count']} of {data['halts']}"
        table.append([name, told, one["p50_ms"], one["p99_ms"], one["most_ms"]])
    for name, value in data["memory"].items():
        table.append([name.replace("_", " "), value, "", "", ""])
    measure.answer(args, data, table)


def main() -> None:
    """Run from the command line."""
    report(measure.options(str(__doc__), runs=40).parse_args())


if __name__ == "__main__":
    main()
