# ruff: noqa: E402
"""What alerting costs an engine that says 10,000 things at once, and how soon the one that matters is out.

``python tests/bench/alert_burst.py [--runs 3] [--count 10000] [--seconds 90] [--json]``. A paper run at one-second prices, with
Telegram set up (a fake one on the loopback) and with no channel, in turn: by how much the engine's loop oversleeps a hundredth of a second
during the burst and after it, memory (MB) and CPU (s) of engine and alerter, and how many messages went out in any minute.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from kits import burst_harness
from kits.paper_kit import ROOT, Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from venue import cpu_s, rss_mb

from tradebot.guard.alerts_lock import alerter_pid

WORDS = ("paper", "--headless", "--json", "--symbols", "BTC/USDT,ETH/USDT", "--speed", "1", "--new")
REST_S = 8
"""Seconds before the burst: the processes have started, the first alerts are out."""


def one(told: bool, count: int, seconds: float) -> dict[str, Any]:
    """Live through a burst, with an alerter or without; return what it cost."""
    with tempfile.TemporaryDirectory() as place, FakeTelegram() as phone:
        folder = Path(place)
        if told:
            (folder / "bot.toml").write_text(
                '[alerts]\nchannels = ["telegram"]\nsimulated = true\n'
                f'[alerts.telegram]\nchat_id = "{USER}"\napi = "{phone.url}"\n'
            )
        state = {"XDG_STATE_HOME": str(folder / "state"), "TRADEBOT_SECRET_TELEGRAM_TOKEN": TOKEN}
        bot = Bot(folder, folder / "data", env=state)
        engine = start(bot, folder, count)
        try:
            bot.until(bot._beats)
            if told:
                phone.hears("STARTED")
            time.sleep(REST_S)
            return watched(bot, engine, phone if told else None, folder, seconds)
        finally:
            bot.clean_up()
            pid = alerter_pid(bot.data_dir)
            if pid:
                os.kill(pid, 9)


def start(bot: Bot, folder: Path, count: int) -> subprocess.Popen[str]:
    """Start the engine that will say so much."""
    words = [burst_harness.__file__, str(folder), str(count), *WORDS]
    process = subprocess.Popen(
        [sys.executable, *words, "--data-dir", str(bot.data_dir)],
        cwd=folder,
        env=bot._env({"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    bot.started.append(process)
    return process


def watched(
    bot: Bot,
    engine: subprocess.Popen[str],
    phone: FakeTelegram | None,
    folder: Path,
    seconds: float,
) -> dict[str, Any]:
    """Have it said, look on, end the engine; return the figures."""
    alerter = alerter_pid(bot.data_dir) if phone is not None else None
    pids = {"engine": engine.pid} | ({"alerter": alerter} if alerter else {})
    found: dict[str, Any] = {}
    for name, pid in pids.items():
        found[name] = {"before_mb": rss_mb(pid), "most_mb": 0.0, "cpu_s": -cpu_s(pid)}
    (folder / "burst").touch()
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        time.sleep(0.5)
        for name, pid in pids.items():
            found[name]["most_mb"] = max(found[name]["most_mb"], rss_mb(pid))
    for name, pid in pids.items():
        found[name]["after_mb"] = rss_mb(pid)
        found[name]["cpu_s"] += cpu_s(pid)
    engine.terminate()
    engine.wait(90)
    late = json.loads((folder / "told.json").read_text())
    marks = statistics.quantiles(late["late"], n=100, method="inclusive")
    found |= {"left": late["left"], "late_p50_ms": marks[49], "late_p99_ms": marks[98]}
    if phone is not None:
        at = [one.at for one in phone.sent if one.at >= begun]
        grave = [one.at for one in phone.sent if "the one thing that matters" in one.text]
        found["critical_out_s"] = grave[0] - begun if grave else None
        found["most_in_a_minute"] = max((sum(t <= o < t + 60 for o in at) for t in at), default=0)
        found["messages"] = len(at)
    return found


def measure(runs: int, count: int, seconds: float) -> dict[str, Any]:
    """Take turns; return the medians of the delays and all rounds."""
    rounds: dict[str, list[dict[str, Any]]] = {"with": [], "without": []}
    for _ in range(runs):
        for name, found in rounds.items():
            found.append(one(name == "with", count, seconds))
    late = {
        name: {key: round(statistics.median(r[key] for r in found), 2) for key in LATE}
        for name, found in rounds.items()
    }
    return {"load": os.getloadavg()[0], "count": count, "late": late, "rounds": rounds}


LATE = ("late_p50_ms", "late_p99_ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.runs, asked.count, asked.seconds)
    if asked.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, rounds in found["rounds"].items():
        sys.stdout.write(f"{name}: {json.dumps(found['late'][name])}\n")
        for figures in rounds:
            sys.stdout.write(f"  {json.dumps(figures)}\n")


if __name__ == "__main__":
    main()
