"""``tradebot venue`` as a user has it: the installed command in a process of its own."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tradebot.__main__ import main

TRADEBOT = Path(sys.executable).with_name("tradebot")
DATA = Path(__file__).parents[2].parent / "shared" / "data"
STREAM = DATA / "um" / "BTCUSDT-ws-2024-08-08.jsonl.gz"


def run(*words: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [str(TRADEBOT), "venue", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@contextmanager
def started(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [str(TRADEBOT), "venue", "--json", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


TRADER = """
import asyncio, sys
import ccxt.pro as ccxt

async def main(url, key, secret):
    ex = ccxt.binanceusdm({"apiKey": key, "secret": secret, "options": {"fetchCurrencies": False}})
    api = ex.urls["api"]
    api["fapiPublic"] = api["fapiPrivate"] = url + "/fapi/v1"
    api["fapiPrivateV2"], api["fapiPrivateV3"] = url + "/fapi/v2", url + "/fapi/v3"
    try:
        await ex.load_markets()
        bought = await ex.create_order("BTC/USDT:USDT", "market", "buy", 0.001)
        stop = {"triggerPrice": 20000, "reduceOnly": True}
        await ex.create_order("BTC/USDT:USDT", "STOP_MARKET", "sell", 0.001, None, stop)
        held = await ex.fetch_positions()
        sold = await ex.create_order("BTC/USDT:USDT", "market", "sell", 0.001, None, {"reduceOnly": True})
        print(bought["status"], held[0]["contracts"], sold["status"], len(await ex.fetch_my_trades("BTC/USDT:USDT")))
    finally:
        await ex.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_stock_ccxt_trades_against_the_installed_command(tmp_path: Path) -> None:
    """The twenty-line script knows nothing of the venue but its URL."""
    ledger = tmp_path / "ledger.jsonl"
    with started("--for", "60s", "--ledger", ledger) as (process, opening):
        assert opening["kind"] == "started"
        assert opening["market"].startswith("SIMULATED MARKET")
        words = [sys.executable, "-c", TRADER, opening["url"], opening["key"], opening["secret"]]
        done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
        assert (done.returncode, done.stdout.split()) == (0, ["closed", "0.001", "closed", "2"]), (
            done.stderr
        )
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=90)
        assert (process.returncode, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [r["kind"] for r in rows if r["kind"] == "fill"] == ["fill", "fill"]
    kept = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    asked = [(r["method"], r["path"]) for r in kept if r["kind"] == "request"]
    assert asked[0] == ("GET", "/fapi/v1/exchangeInfo")
    assert ("POST", "/fapi/v1/algoOrder") in asked
    assert not any("signature" in r["params"] for r in kept if r["kind"] == "request")
    assert {r["kind"] for r in kept} >= {"request", "order", "fill", "algo", "income", "account"}


def test_it_prints_what_a_bot_needs_and_ends_after_its_time() -> None:
    done = run("--for", "100ms")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "no fill model of Binance" in lines[0]
    url = next(line.split()[1] for line in lines if line.startswith("url "))
    assert f'  url = "{url}"' in lines
    assert "  [exchange]" in lines
    assert next(line for line in lines if line.startswith("key ")).split()[1].isalnum()


def test_key_and_secret_are_made_per_start() -> None:
    keys = {json.loads(run("--json", "--for", "10ms").stdout.splitlines()[0])["key"] for _ in "12"}
    assert len(keys) == 2


def test_the_readme_s_six_lines_and_its_transcript(tmp_path: Path) -> None:
    """What a new user types, and that both terminals then look as the README shows them."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    text = readme.split("## Try it against a fake Binance")[1].split("\n## ")[0]
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    venue, other = re.findall(r"```text\n\$ .*?\n(.*?)```", text, re.DOTALL)
    assert len(script.splitlines()) == 6
    write(tmp_path / "try.py", script)
    command = [str(TRADEBOT), "venue", "--for", "60s"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        opening = [process.stdout.readline() for _ in range(10)]
        words = [line.split()[1] for line in opening[1:4]]
        done = subprocess.run(
            [sys.executable, tmp_path / "try.py", *words],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, other), done.stderr
    finally:
        process.terminate()
        rest = process.communicate()[0]
    assert shape("".join(opening) + rest) == shape(venue)


def shape(text: str) -> list[str]:
    """A transcript without what differs from run to run: keys, ids, times and numbers."""
    varying = r"[A-Za-z0-9]{64}|x-cv[A-Za-z0-9]+|[0-9][0-9T:.-]*Z?"
    return [re.sub(varying, "#", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)]
)
def test_signals_end_it_within_a_second(sent: signal.Signals, code: int) -> None:
    took = []
    for _ in range(8):  # a busy machine may hold some of them up
        with started() as (process, _opening):
            asked = time.monotonic()
            process.send_signal(sent)
            process.wait(timeout=90)
            took.append(time.monotonic() - asked)
            assert process.returncode == code
            assert process.stderr is not None
            assert process.stderr.read() == ""
        if took[-1] < 1:
            break
    assert min(took) < 1


def test_the_clock_is_the_wall_s_plus_a_constant() -> None:
    with started("--clock", "2025-01-06T07:59:58Z", "--for", "60s") as (_, opening):
        assert opening["time"].startswith("2025-01-06T07:59:5")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


LINE = (
    '{ns} {{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":1,"s":"BTCUSDT",'
    '"b":"61800.20","B":"2","a":"61800.30","A":"2","T":1723161256313,"E":1723161256313}}}}\n'
)


def recording(path: Path, stamps: list[int], *, cut: int = 0) -> Path:
    text = "".join(LINE.format(ns=stamp) for stamp in stamps)
    data = gzip.compress(text.encode())
    path.write_bytes(data[: len(data) - cut])
    return path


ACCOUNTS = [
    ('[[symbols]]\nsymbol = "TINY/USDT"\ntick = "0"', ["symbols[0].tick", "not above 0"]),
    ('[[symbols]]\nsymbol = "/USDT"', ["symbols[0].symbol", "ABC/USDT"]),
    ('[[positions]]\nsymbol = "BTCUSDT"\nqty = "0"\nentry = "5"', ["positions[0].qty"]),
    ('[[positions]]\nsymbol = "BTCUSDT"\nqty = "1"\nentry = "0"', ["positions[0].entry"]),
    (
        '[[positions]]\nsymbol = "BTCUSDT"\nside = "SHORT"\nqty = "-1"\nentry = "5"',
        ["positions[0].side", "hedge = false"],
    ),
    (
        'hedge = true\n[[positions]]\nsymbol = "BTCUSDT"\nside = "SHORT"\nqty = "1"\nentry = "5"',
        ["positions[0].qty", "a short below"],
    ),
    ("[permissions]\nenableWithdrawal = true", ["did you mean enableWithdrawals?"]),
    ("[permissions]\nenableWithdrawals = 1", ["permissions.enableWithdrawals", "true or false"]),
    ('[assets]\nUSDT = "5"', ["assets.USDT", "wallet"]),
    ("[options]\nold_field = true", ["options.old_field", "did you mean old_fields?"]),
    ("[options]\nold_fields = 1", ["options.old_fields", "true or false"]),
    ("[options]\npatience = -1", ["options.patience", "whole number"]),
]


def test_bad_input_is_one_line_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "open_time,open,high,low,close,volume\n"
    rows = "".join(f"{1746372780000 + i * 60000},1,1,1,1,1\n" for i in range(3))
    one = write(tmp_path / "BTCUSDT-1m-a.csv", header + rows)
    two = write(tmp_path / "BTCUSDT-1m-b.csv", header + rows)
    script = write(tmp_path / "script.csv", "at_s,symbol,bid,ask,mark\n0,BTC/USDT,2,1,1\n")
    back = write(
        tmp_path / "back.csv", "at_s,symbol,bid,ask,mark\n5,BTC/USDT,1,2,1\n4,BTC/USDT,1,2,1\n"
    )
    cases: list[tuple[list[str | Path], list[str]]] = [
        (["--port", "0.0.0.0:0"], ["--port", "0.0.0.0", "loopback"]),
        (["--port", "192.168.1.5:80"], ["--port", "loopback"]),
        (["--port", "x"], ["--port", "no port"]),
        (["--port", "70000"], ["--port", "65535"]),
        (["--market", "moon"], ["--market", "moon"]),
        (["--symbols", "DOGE/USDT"], ["DOGE/USDT"]),
        (["--clock", "soon"], ["soon", "no time"]),
        (["--for", "-1"], ["no duration"]),
        ([tmp_path / "none.csv"], ["none.csv", "no such file"]),
        ([one, two], ["overlap", "BTCUSDT-1m-"]),
        ([script], ["script.csv:2", "bid < ask"]),
        ([back], ["back.csv:3", "before the row above"]),
        (["--recording", tmp_path / "none.gz"], ["none.gz", "no such file"]),
        (
            ["--recording", recording(tmp_path / "cut.gz", [1, 2, 3], cut=9)],
            ["cut.gz:", "cut short"],
        ),
        (["--recording", recording(tmp_path / "back.gz", [5, 4])], ["back.gz:2", "earlier"]),
        (["--recording", recording(tmp_path / "r.gz", [1]), one], ["--recording", "files"]),
        (
            ["--account", write(tmp_path / "a.toml", 'wallet = "-5"')],
            ["a.toml", "wallet", "negative"],
        ),
        (["--account", write(tmp_path / "b.toml", "walet = 5")], ["b.toml", "walet", "wallet"]),
        (["--account", write(tmp_path / "c.toml", "wallet = [")], ["c.toml", "TOML"]),
        (["--account", tmp_path / "d.toml"], ["d.toml"]),
        (["--account", recording(tmp_path / "e.bin", [1])], ["e.bin", "TOML"]),
        (
            ["--account", write(tmp_path / "i.toml", "leverage = 100")],
            ["leverage", "ADA/USDT", "75"],
        ),
        (
            ["--account", write(tmp_path / "e.toml", "[leverages]\nDOGEUSDT = 5")],
            ["leverages", "DOGEUSDT"],
        ),
        (
            ["--account", write(tmp_path / "f.toml", "[leverages]\nBTCUSDT = 500")],
            ["--account", "-4028", "500"],
        ),
        (
            [
                "--account",
                write(
                    tmp_path / "g.toml",
                    '[[orders]]\nsymbol = "BTCUSDT"\nside = "BUY"\nqty = "0.001"\nprice = "600"',
                ),
            ],
            ["--account", "-4164"],
        ),
        (["--ledger", tmp_path / "no" / "l.jsonl"], ["l.jsonl", "--ledger"]),
    ]
    for number, (text, parts) in enumerate(ACCOUNTS):
        file = write(tmp_path / f"account{number}.toml", text)
        cases.append((["--account", file], [file.name, *parts]))
    for words, parts in cases:
        code = main(["venue", "--for", "10ms", *map(str, words)])
        out, err = capsys.readouterr()
        said = f"{words}: {out!r} {err!r}"
        assert (code, out) == (2, ""), said
        assert err.startswith("error: "), said
        assert len(err.splitlines()) <= 2, said
        assert all(part in err for part in parts), said


def test_prices_that_go_bad_on_the_way_end_it_with_the_line(tmp_path: Path) -> None:
    """What is wrong far inside a file is said when it is reached, and nobody trades on frozen prices."""
    text = LINE.format(ns=1) + LINE.format(ns=2) + "3 {broken}\n" + LINE.format(ns=4)
    done = run("--recording", write(tmp_path / "bad.jsonl", text), "--for", "30s")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "bad.jsonl:3: is no message of a stream" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_may_happen_at_the_start(tmp_path: Path) -> None:
    rule = '[[fault]]\ndo = "act"\nact = "transfer"\namount = "5"\n'
    with started("--faults", write(tmp_path / "f.toml", rule), "--for", "60s") as (_, opening):
        state = asyncio.run(ask(opening["url"], "/_venue/state"))
    assert state["wallets"] == {"USDT": "1005"}


def test_the_ledger_s_file_is_whole_once_the_state_was_asked_for(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with started("--ledger", ledger, "--for", "60s") as (_, opening):
        for _ in range(20):
            asyncio.run(ask(opening["url"], "/fapi/v1/time"))
        asyncio.run(ask(opening["url"], "/_venue/state"))
        rows = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    assert sum(row["kind"] == "request" for row in rows) == 20


def test_an_account_may_set_how_the_venue_behaves(tmp_path: Path) -> None:
    account = write(tmp_path / "a.toml", "[options]\nold_fields = true\nincome_delay_ms = 0\n")
    trade = TRADER.replace('print(bought["status"],', 'print(bought["info"]["avgPrice"] > "0",')
    with started("--account", account, "--for", "60s") as (_, opening):
        words = [sys.executable, "-c", trade, opening["url"], opening["key"], opening["secret"]]
        done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "True"), done.stderr


def test_prices_of_a_symbol_that_is_made_up(tmp_path: Path) -> None:
    prices = "at_s,symbol,bid,ask,mark\n0,TINY/USDT,0.0000012,0.0000013,0.0000012\n"
    symbol = (
        '[[symbols]]\nsymbol = "TINY/USDT"\ntick = "0.0000001"\nstep = "1"\nmin_notional = "500"\n'
    )
    account = write(tmp_path / "a.toml", symbol)
    script = write(tmp_path / "prices.csv", prices)
    with started(script, "--account", account, "--for", "60s") as (_, opening):
        book = asyncio.run(ask(opening["url"], "/fapi/v1/ticker/bookTicker?symbol=TINYUSDT"))
        info = asyncio.run(ask(opening["url"], "/fapi/v1/exchangeInfo"))
    assert (book["bidPrice"], book["askPrice"]) == ("0.0000012", "0.0000013")
    assert [row["symbol"] for row in info["symbols"]] == ["TINYUSDT"]


def test_a_port_in_use_is_said_and_nothing_starts(tmp_path: Path) -> None:
    earlier = write(tmp_path / "earlier.jsonl", "an earlier record\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", str(port), "--ledger", earlier)
        none = run("--port", str(port), "--ledger", tmp_path / "none.jsonl")
    assert (done.returncode, none.returncode) == (2, 2)
    assert earlier.read_text(encoding="utf-8") == "an earlier record\n"
    assert not (tmp_path / "none.jsonl").exists()
    assert done.stdout == ""
    assert f"port {port} cannot be opened" in done.stderr
    assert "--port 0" in done.stderr


FAULTS = [
    ('do = "reet"', ["fault[1].do", "no fault 'reet'", "did you mean reset?"]),
    (
        'do = "delay"\nms = 5\nprobability = 1.5',
        ["fault[1].probability", "1.5 is no probability", "between 0 and 1"],
    ),
    (
        'do = "delay"\nms = 5\npath = "/fapi/v1/ordr"',
        ["fault[1].path", "no request has the path /fapi/v1/ordr", "did you mean /fapi/v1/order?"],
    ),
    ('do = "delay"\nms = 5\nmehtod = "GET"', ["fault[1].mehtod", "did you mean method?"]),
    ('do = "drop"\nevent = "ORDER_UPDATE"', ["fault[1].event", "did you mean ORDER_TRADE_UPDATE?"]),
    ('do = "delay"', ["fault[1].ms", "delay needs it"]),
    ('do = "act"\nact = "liquidat"', ["fault[1].act", "did you mean liquidate?"]),
]


@pytest.mark.parametrize(("rule", "parts"), FAULTS)
def test_bad_faults_end_the_installed_command(rule: str, parts: list[str], tmp_path: Path) -> None:
    earlier = write(tmp_path / "earlier.jsonl", "an earlier record\n")
    path = write(tmp_path / "faults.toml", f'[[fault]]\ndo = "reset"\n[[fault]]\n{rule}\n')
    done = run("--faults", path, "--ledger", earlier, "--for", "10ms")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    line, *more = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert more == [] or (len(more) == 1 and more[0].lstrip().startswith("hint")), done.stderr
    assert all(part in done.stderr for part in ["faults.toml", *parts]), done.stderr
    assert earlier.read_text(encoding="utf-8") == "an earlier record\n"


async def ask(url: str, path: str) -> Any:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"{url}{path}") as answer:
        return await answer.json()


def test_files_go_on_from_now_with_a_past(tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume\n"
    rows = "".join(
        f"{1746372780000 + i * 60000},{100000 + i},{100010 + i},{99990 + i},{100005 + i},12\n"
        for i in range(20)
    )
    path = write(tmp_path / "BTCUSDT-1m-x.csv", header + rows)
    with started(path, "--for", "60s") as (_, opening):
        klines = asyncio.run(ask(opening["url"], "/fapi/v1/klines?symbol=BTCUSDT&interval=1m"))
        assert [float(k[4]) for k in klines[:-1]] == [100005.0 + i for i in range(10)]
        assert float(klines[-1][1]) == 100010.0
        assert klines[-1][0] <= time.time() * 1000


@pytest.mark.skipif(not STREAM.is_file(), reason=f"no recording in {DATA}")
def test_a_recording_is_played_at_its_pace() -> None:
    with started("--recording", STREAM, "--for", "60s") as (_, opening):
        assert "mark = mid" in opening["market"]
        time.sleep(1)
        book = asyncio.run(ask(opening["url"], "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT"))
        depth = asyncio.run(ask(opening["url"], "/fapi/v1/depth?symbol=BTCUSDT&limit=20"))
        assert 61000 < float(book["bidPrice"]) < 62500
        assert abs(book["time"] - time.time() * 1000) < 2000
        assert len(depth["bids"]) == 20


def test_help_says_what_it_is_not() -> None:
    done = subprocess.run(
        [str(TRADEBOT), "venue", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert "not a fill model of Binance" in done.stdout
