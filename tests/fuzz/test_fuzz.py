"""Whatever is typed, configured, named or written: an exit code of the contract and one answer, never a traceback.

Each case is a command in a process of its own that can write in its own folder only (Landlock), with devices and pipes
made there. The cases are drawn from a seed: the same number is the same case on every machine.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FULL = os.environ.get("TRADEBOT_FULL") == "1"
CASES = 1_008 if FULL else 12
PER_TEST = 6
SEED = 20_250_506
HANG_S = 20
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}

T0 = 1_746_518_400_000  # 2025-05-06T08:00Z
NASTY = (
    b"",
    b"\xe9",
    b"caf\xe9",
    b"\x1b[31mred",
    b"\x1b]0;owned\x07",
    b"two\nlines",
    b"a\rb",
    "\u202etrohs".encode(),
    "\u2066\u2028".encode(),
    b"\xc2\x9b31m",
    b"-1",
    b"0",
    b"1e400",
    b"nan",
    b"--",
    b"-",
    b"%s%n",
    b"'; DROP TABLE runs; --",
    b"../../x",
    b"/nonexistent/x",
    b"[bold]x[/bold]",
    b"x" * 300,
    "\N{GREEK SMALL LETTER ALPHA}".encode(),
    b"paper-0001",
    b"BTC/USDT",
    b"max",
    b"24h",
    b"5",
)

COMMANDS: dict[str, tuple[str, ...]] = {
    "backtest": ("--symbols", "--timeframe", "--strategy", "--param", "--profile", "--for", "--html", "--csv", "--benchmark", "--set"),
    "lookahead": ("--symbols", "--timeframe", "--strategy", "--param", "--set"),
    "paper": ("--market", "--symbols", "--timeframe", "--strategy", "--param", "--profile", "--seed", "--set"),
    "ghost": ("--symbols", "--timeframe", "--strategy", "--seed", "--set"),
    "status": ("--run",),
    "risk": ("--run",),
    "positions": ("--run", "--symbol"),
    "orders": ("--run", "--symbol", "--limit"),
    "trades": ("--run", "--symbol", "--since", "--limit"),
    "signals": ("--run", "--symbol", "--since", "--limit", "--verdict", "--csv"),
    "runs": ("--limit",),
    "quality": ("--run", "--html"),
    "compare": ("--limit",),
    "halt": ("--reason", "--run", "--wait"),
    "resume": ("--reason", "--run", "--wait", "--review"),
    "close-all": ("--reason", "--run", "--wait"),
    "config show": ("--set",),
    "config check": (),
    "config path": (),
    "db verify": (),
    "db backup": (),
    "doctor": (),
    "strategies": (),
    "init": ("--symbols", "--strategy", "--start-equity"),
    "nonsense": ("--x",),
    "": ("--version", "--help"),
}  # fmt: skip
FILES = {"backtest": 2, "lookahead": 1, "paper": 2, "ghost": 1}
PLACES = {"db backup": 1, "compare": 2, "strategies": 1}
GOOD: dict[str, tuple[bytes, ...]] = {
    "--symbols": (b"BTC/USDT", b"ETH/USDT", b"btcusdt"),
    "--timeframe": (b"1m", b"5m", b"1h", b"7m"),
    "--strategy": (b"ema_cross", b"breakout", b"good.py:S", b"raises.py:S", b"prints.py:S", b"odd.py:S",
                   b"broken.py:S", b"exits.py:S", b"fifo:S", b"missing.py:S", b"good.py:T"),
    "--param": (b"fast=3", b"n=1", b"n=x", b"n=", b"=", b"n=1e999"),
    "--profile": (b"paper", b"live", b"bench"),
    "--for": (b"30m", b"1h", b"0s", b"1h30"),
    "--html": (b"page.html", b"fifo", b"node", b"folder", b"link.html", b"dangling.html", b"folder/p.html"),
    "--csv": (b"rows.csv", b"-", b"fifo", b"node", b"folder", b"link.html", b"none/x.csv"),
    "--set": (b"sim.taker_fee=0.05", b"risk.paper.position_value=60", b"sim.start_equity=1", b"market.seed=7",
              b"strategy.params.fast=2", b"exchange.url=http://user:hunter2@127.0.0.1:1", b"data.dir=elsewhere"),
    "--benchmark": (b"BTCUSDT-1m-a.csv", b"fifo", b"binary.csv:name", b"empty.csv"),
    "--market": (b"sim", b"binance"),
    "--seed": (b"1", b"99999999999999999999"),
    "--run": (b"paper-0001", b"paper-9999", b"paper"),
    "--symbol": (b"BTC/USDT", b"DOGE/USDT"),
    "--since": (b"2025-01-06", b"2025-13-01", b"0001-01-01T00:00+14:00"),
    "--limit": (b"1", b"0", b"10"),
    "--verdict": (b"approved", b"maybe"),
    "--wait": (b"0", b"0.1", b"1"),
    "--review": (b"review.txt", b"fifo", b"binary.csv", b"folder"),
    "--start-equity": (b"1000", b"-1"),
}  # fmt: skip

STRATEGY = """
import sys
from pydantic import BaseModel
from tradebot.core.strategy.protocol import Signal


class S:
    class Params(BaseModel):
        n: int = 3

    warmup = 0

    def __init__(self, params, symbol):
        self.n = 0

    def on_bar(self, bar):
        self.n += 1
        {body}
"""
BODIES = {
    "good.py": 'return Signal("long", 0.9, stop=bar.close * 0.97, reason="up") if self.n % 9 == 3 else None',
    "raises.py": 'return 1 / 0 if self.n == 5 else None',
    "prints.py": 'print("close \\x1b[31m", bar.close)',
    "odd.py": 'return [Signal("long", float("nan"), reason="\\x1b[2J\\n\\udce9"), "x", 7, None][self.n % 6 - 2]',
    "broken.py": 'return (',
    "exits.py": 'sys.exit(3) if self.n == 4 else None',
}  # fmt: skip


@dataclass
class Case:
    """A command line with its streams, and the folder it runs in."""

    number: int
    words: list[bytes] = field(default_factory=list)
    streams: str = ""
    env: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def as_json(self) -> bool:
        words = self.words  # after a -- it would be a name
        return b"--json" in (words[: words.index(b"--")] if b"--" in words else words)

    def __str__(self) -> str:
        return f"case {self.number}: tradebot {self.words} {self.streams} {self.env}"


# -- what lies in a folder ---------------------------------------------------------------------------


def bar_lines(draw: random.Random, count: int, first: int = T0) -> list[str]:
    price, lines = draw.uniform(90_000, 110_000), []
    for i in range(count):
        price = max(1000.0, price * (1 + draw.gauss(0, 0.001)))
        high, low = price * 1.001, price * 0.999
        lines.append(
            f"{first + i * 60_000},{price:.1f},{high:.1f},{low:.1f},{price:.1f},{draw.randrange(99)},0,0,0,0,0,0"
        )
    return lines


def furnish(folder: Path, draw: random.Random) -> list[bytes]:
    """Fill a folder with files good and bad; return the names that may be data."""
    lines = bar_lines(draw, 240)
    data = "\n".join(lines).encode() + b"\n"
    spoiled = bytearray(data)
    for _ in range(draw.randrange(1, 6)):
        spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
    files = {
        b"BTCUSDT-1m-a.csv": data,
        b"BTCUSDT-1m-b.csv": "\n".join(bar_lines(draw, 60, T0 + 300 * 60_000)).encode(),
        b"ETHUSDT-1m-a.csv": data.replace(b",1", b",2"),
        b"BTCUSDT-1m-spoiled.csv": bytes(spoiled),
        b"BTCUSDT-1m-cut.csv": data[: draw.randrange(len(data))],
        b"BTCUSDT-1m-caf\xe9\x1b[31m.csv": data,
        b"BTCUSDT-1m-x.csv.gz": data,
        b"BTCUSDT-1m-html.zip": b"<html><body>404</body></html>",
        b"BTCUSDT-1m-sum.zip.CHECKSUM": b"ab" * 32 + b"  BTCUSDT-1m.zip\n",
        b"BTCUSDT_250627-1m-a.csv": data,
        b"BTCUSDT-fundingRate-a.csv": b"calc_time,funding_interval_hours,last_funding_rate\n%d,8,0.0001\n" % T0,
        b"empty.csv": b"",
        b"binary.csv": bytes(draw.randrange(256) for _ in range(400)),
        b"review.txt": b"what happened, and what changes\n",
    }  # fmt: skip
    for name, content in files.items():
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content)
    for script, body in BODIES.items():
        (folder / script).write_text(STRATEGY.format(body=body), encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "there.html").write_text("<p>old</p></html>\n")
    (folder / "link.html").symlink_to("there.html")
    (folder / "dangling.html").symlink_to("made.html")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "fifo")
    make_nodes(folder)
    return [*files, b"folder", b"fifo", b"node", b"loop", b"nothing.csv", b""]


def make_nodes(folder: Path) -> None:
    """Make devices of the folder's own where that is allowed: one that is always full, one without end."""
    import stat

    for name, minor in (("full", 7), ("node", 5)):
        try:
            os.mknod(folder / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        except OSError:
            return


CONFIGS = (
    b"",
    b"[sim]\nstart_equity = 500\n",
    b"[risk.paper]\nposition_value = 100\n",
    b"[risk.live]\nposition_value = 60\n",
    b"[sim]\ntaker_fee = 0.05\n",
    b'[strategy]\nname = "good.py:S"\n[strategy.params]\nn = 4\n',
    b"[nonsense]\nx = 1\n",
    b"[sim\n",
    b"[sim]\nstart_equity = 1e999\n",
    b"\xff\xfe\x00",
    b'[exchange]\nurl = "http://user:hunter2@127.0.0.1:99999"\n',
    b'[data]\ndir = "\\u001b[31m"\n',
    b"x = " + b"[" * 2000 + b"]" * 2000 + b"\n",
    b'[market]\nsymbols = ["DOGE/USDT"]\n',
    b'[tui]\ntheme = "\\u202e"\n',
)


# -- a case -----------------------------------------------------------------------------------------


def drawn(number: int, names: list[bytes], draw: random.Random) -> Case:
    """Draw a case: most of its parts are good, so that it gets far."""
    case = Case(number)
    command = draw.choice(list(COMMANDS))
    case.words = [word.encode() for word in command.split()]
    for _ in range(FILES.get(command, 0)):
        if draw.random() < 0.75:
            case.words.append(names[0] if draw.random() < 0.4 else draw.choice(names))
    for _ in range(PLACES.get(command, 0)):
        case.words.append(draw.choice([b"new.db", b"paper-0001", b"fifo", *NASTY]))
    for option in COMMANDS[command]:
        if draw.random() < 0.3:
            good = draw.random() < 0.75 and option in GOOD
            case.words += [option.encode(), draw.choice(GOOD[option] if good else NASTY)]
    if command in ("paper", "ghost"):
        case.words += [b"--headless", b"--speed", b"max", b"--for", draw.choice([b"20m", b"45m"])]
    if command == "close-all":
        case.words.append(b"--yes")
    if draw.random() < 0.4:
        case.words.append(b"--json")
    if draw.random() < 0.3:
        case.words += [b"--config", draw.choice([b"bot.toml", b"bot.toml", b"fifo", b"none.toml"])]
    case.streams = draw.choice(
        ["", "", "", "", ">&-", "2>&-", "<&-", ">&- 2>&-", "| head -1", ">full"]
    )
    if draw.random() < 0.1:
        case.env[draw.choice([b"TRADEBOT_SIM__TAKER_FEE", b"TRADEBOT_X__Y", b"TRADEBOT_CONFIG",
                              b"PYTHONIOENCODING", b"COLUMNS", b"TRADEBOT_RISK__PROFILE"])] = (
            draw.choice([b"ascii", b"1", b"\xe9", b"live", b"0.0005"]))  # fmt: skip
    if case.env.get(b"PYTHONIOENCODING") not in (None, b"ascii"):
        case.env[b"PYTHONIOENCODING"] = b"cp1252"
    return case


def patience() -> float:
    """Return how long a case may take (s): longer where the machine has more to do than it can."""
    return HANG_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def played(case: Case, folder: Path) -> subprocess.CompletedProcess[bytes]:
    streams = case.streams
    if streams == ">full" and not (folder / "full").exists():
        streams = ""
    script = b'set -o pipefail; "$@" ' + streams.encode()
    sandbox = [
        sys.executable,
        "-IS",
        str(HERE / "sandbox.py"),
        str(folder),
        sys.executable,
        "-m",
        "tradebot",
    ]
    kept = {name: value for name, value in os.environb.items() if not name.startswith(b"TRADEBOT_")}
    place = {**kept, b"HOME": os.fsencode(folder), b"TMPDIR": os.fsencode(folder),
             b"TRADEBOT_DATA_DIR": os.fsencode(folder / "data"), b"PYTHONDONTWRITEBYTECODE": b"1",
             b"XDG_STATE_HOME": os.fsencode(folder / "state"), **case.env}  # fmt: skip
    return subprocess.run(
        ["bash", "-c", script, "bash", *sandbox, *case.words],
        cwd=folder, env=place, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience(),
    )  # fmt: skip


# -- what must hold ---------------------------------------------------------------------------------


def judge(case: Case, folder: Path, done: subprocess.CompletedProcess[bytes]) -> None:
    said = done.stdout + done.stderr
    assert done.returncode in CODES, (case, said)
    for word in (
        b"Traceback",
        b"a defect of tradebot",
        b"Exception ignored",
        b"hunter2",
        b"\x1b",
        b"\xe2\x80\xae",
    ):
        assert word not in said, (case, said)
    if (
        case.as_json
        and case.streams in ("", "2>&-", "<&-")
        and b"--csv" not in case.words
        and not {b"-h", b"--help", b"--version"}.intersection(case.words)  # plain words for people
    ):
        check_document(case, done)
    elif not case.as_json and done.returncode not in (0, 130) and "2>" not in case.streams:
        errors = [line for line in done.stderr.splitlines() if line.startswith(b"error:")]
        assert len(errors) == 1, (case, said)
    check_folder(case, folder)


def check_document(case: Case, done: subprocess.CompletedProcess[bytes]) -> None:
    document = json.loads(done.stdout)
    assert list(document) == ["version", "command", "ok", "data", "warnings", "error"], case
    assert document["ok"] == (done.returncode == 0), (case, document)
    assert (document["error"] is None) == document["ok"], (case, document)


def check_folder(case: Case, folder: Path) -> None:
    left = [path for path in folder.rglob("*") if path.name.endswith((".new", ".part"))]
    assert left == [], (case, left)
    assert (folder / "fifo").is_fifo(), case
    if os.path.lexists(folder / "node"):
        assert (folder / "node").is_char_device(), case
    assert (folder / "link.html").is_symlink(), case
    for page in (*folder.glob("*.html"), *folder.glob("folder/*.html")):
        if page.exists():
            assert page.read_text(encoding="utf-8").rstrip().endswith("</html>"), (case, page)
    for rows in folder.glob("rows.csv"):
        assert rows.read_bytes().endswith(b"\n"), (case, rows)
    for file in folder.rglob("*.db"):
        with closing(sqlite3.connect(file)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), (case, file)


@pytest.fixture(scope="session")
def _fenced(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where a process cannot be kept to its folder."""
    folder = tmp_path_factory.mktemp("fence")
    tried = [sys.executable, "-IS", str(HERE / "sandbox.py"), str(folder), sys.executable, "-c",
             f"open({str(folder.parent / 'outside')!r}, 'w')"]  # fmt: skip
    done = subprocess.run(tried, capture_output=True, text=True, timeout=90)
    if "PermissionError" not in done.stderr:
        pytest.skip(f"a process cannot be kept to its folder here: {done.stderr.strip()[-200:]}")


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which a run has ended, for the commands that look at one."""
    folder = tmp_path_factory.mktemp("journal")
    env = {**os.environ, "TRADEBOT_DATA_DIR": str(folder / "data"), "HOME": str(folder)}
    words = ["paper", "--headless", "--speed", "max", "--for", "45m", "--ghost"]
    command = [sys.executable, "-m", "tradebot", *words]
    subprocess.run(command, env=env, check=True, capture_output=True, cwd=folder, timeout=120)
    return folder / "data"


@pytest.mark.usefixtures("_fenced")
@pytest.mark.parametrize("first", range(0, CASES, PER_TEST))
def test_any_case_has_one_answer(first: int, tmp_path: Path, journal: Path) -> None:
    wrong = []
    for number in range(first, first + PER_TEST):
        draw = random.Random(SEED + number)
        folder = tmp_path / str(number)
        folder.mkdir()
        names = furnish(folder, draw)
        (folder / "bot.toml").write_bytes(draw.choice(CONFIGS) if draw.random() < 0.3 else b"")
        if draw.random() < 0.6:
            shutil.copytree(journal, folder / "data")
        case = drawn(number, names, draw)
        try:
            judge(case, folder, played(case, folder))
        except (AssertionError, ValueError) as error:
            wrong.append(f"{case}: {error}")
        except subprocess.TimeoutExpired as error:
            wrong.append(f"{case} hangs: {error.stdout!r} {error.stderr!r}")
        shutil.rmtree(folder)
    assert wrong == [], "\n\n".join(wrong)
