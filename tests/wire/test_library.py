"""The client's class comes without the exchanges that ccxt's packages import, and leaves the packages alone."""

from __future__ import annotations

import subprocess
import sys

CHEAP = """
import pathlib, sys
from tradebot.wire.library import load_class
found = load_class()
assert found.__name__ == "binanceusdm"
assert "ccxt" not in sys.modules and "ccxt.pro" not in sys.modules
loaded = sum(name.startswith("ccxt.") for name in sys.modules)
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
print(loaded, *[int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")])
client = found({"enableRateLimit": False})
assert client.describe()["id"] == "binanceusdm"
import ccxt, ccxt.pro
assert ccxt.kraken and issubclass(ccxt.InvalidOrder, ccxt.ExchangeError)
assert ccxt.InvalidOrder is sys.modules["ccxt.base.errors"].InvalidOrder
assert load_class() is ccxt.pro.binanceusdm is found
"""

FALLBACK = """
import sys
from tradebot.wire import library
def fail(*_):
    raise ImportError("another ccxt")
library._stub = fail
found = library.load_class()
import ccxt.pro
assert found is ccxt.pro.binanceusdm
print("plain")
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_costs_half_and_the_real_packages_come_later() -> None:
    modules, *megabytes = map(int, run(CHEAP).split())
    assert modules < 40  # the plain import loads more than 300
    assert all(size < 75 for size in megabytes)  # and costs 109


def test_a_ccxt_that_it_does_not_fit_is_imported_plainly() -> None:
    assert run(FALLBACK).strip() == "plain"


THREADS = """
import threading
from tradebot.wire.library import load_class
found = []
threads = [threading.Thread(target=lambda: found.append(load_class())) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(found) == 6 and len(set(found)) == 1, found
print("safe")
"""


def test_several_threads_may_load_it_at_once() -> None:
    assert run(THREADS).split() == ["safe"]
