"""The minute's request weight is used up when everything is to be closed, or the address is banned for a while.

Holds: nobody goes on asking meanwhile (that is what bans come from); what is waited for, what is left and for how long it goes
on is said. End: flat and exit 0 without any ``--wait``; Ctrl-C ends it with 130 and says what is open; trading stays halted.
"""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from kits.disaster_kit import QUIET, XRP, Scene, scene

from tradebot.guard.closing import last_close
from tradebot.guard.diary import BROKEN_OFF
from tradebot.guard.latch import halt_present
from tradebot.venue.listings import WEIGHT_PER_MINUTE

pytestmark = pytest.mark.slow

EARLY = "2026-11-26T09:31:02Z"
"""Two seconds after a minute has begun."""
REFUSED = {"do": "error", "code": -1008, "method": "POST", "path": "/fapi/v1/order"}
BAN = {"do": "ban", "seconds": 45, "method": "POST", "path": "/fapi/v1/order", "times": 1}


def use_up(it: Scene) -> None:
    """Use up the minute's weight, as another program on this address does."""
    url = f"{it.venue.url}/fapi/v1/depth?symbol=ETHUSDT&limit=1000"
    with suppress(HTTPError):
        for _ in range(WEIGHT_PER_MINUTE // 20):
            urlopen(url, timeout=60).close()
    with pytest.raises(HTTPError, match="429"):
        urlopen(url, timeout=60)


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=150)
    return " ".join(out.split()), " ".join(err.split())


@pytest.mark.full
@pytest.mark.parametrize("alive", [True, False])
def test_it_waits_for_the_next_minute(tmp_path: Path, alive: bool) -> None:
    with scene(tmp_path, XRP, clock=EARLY) as it:
        if alive:
            it.engine(QUIET)
        use_up(it)
        before = len(it.requests())
        begun = time.monotonic()
        closing = it.closing("--account", "demo")
        _, err = ended(closing)
        assert closing.returncode == 0, err
        assert time.monotonic() - begun > 20  # longer than that is left of the minute
        assert it.flat()
        assert "used up" in err or "may ask for no more" in err
        assert "going on for 9m" in err
        assert "fencing" not in err
        after = it.requests()[before:]
        assert len([row for row in after if row["status"] == 429]) <= 8
        assert not [row for row in after if row["status"] == 418]


@pytest.mark.parametrize(
    "fault", [{"do": "error", "code": -1015}, {"do": "rate_limited"}], ids=["orders", "weight"]
)
def test_a_close_that_is_refused_once_is_sent_again_soon(
    tmp_path: Path, fault: dict[str, object]
) -> None:
    """Too many orders in ten seconds, or a word on weight that is not used up: no reason to leave it open for a minute."""
    with scene(tmp_path, XRP, clock=EARLY) as it:
        it.faults({**fault, "method": "POST", "path": "/fapi/v1/order", "times": 1})
        begun = time.monotonic()
        it.close_all(code=0)
        assert time.monotonic() - begun < 45  # the next minute begins after 58
        assert it.flat()


@pytest.mark.full
def test_it_sits_a_ban_out(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults(BAN)
        closing = it.closing("--account", "demo")
        _, err = ended(closing)
        assert closing.returncode == 0, err
        assert it.flat()
        assert "banned this address for 3" in err  # and later once more
        assert "going on for 9m" in err


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.full)])
def test_the_doctor_waits_for_the_next_minute(tmp_path: Path, whole: bool) -> None:
    with scene(tmp_path, XRP, clock="2026-11-26T09:31:40Z") as it:
        if whole:
            use_up(it)
        for _ in range(0 if whole else 85):  # what it asks for is held back from here on
            urlopen(f"{it.venue.url}/fapi/v1/depth?symbol=ETHUSDT&limit=1000", timeout=60).close()
        it.bot.env |= it.exchange
        found = it.bot("doctor", "--json", code=None)
        assert "used up: the doctor goes on in " in found.err
        assert "was not asked for" not in found.out
        assert '"check": "account"' in found.out


def test_a_ban_that_outlasts_the_wait_is_said_at_once(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults({**BAN, "seconds": 3_000})
        begun = time.monotonic()
        error = it.close_all(code=6)["error"]
        assert time.monotonic() - begun < 30
        assert "longer than this waits (--wait 5" in error["message"]
        assert "XRP/USDT position 40" in error["message"]  # as it was read before
        assert halt_present(it.bot.data_dir)


def test_a_ban_that_an_engine_sits_out_is_said_at_once_too(tmp_path: Path) -> None:
    """Nobody has read anything when the first close is refused: what was to be closed is told by the engine's rows.

    The engine is asked once more while it sits the ban out, and is not taken to hang.
    """
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        it.faults({**BAN, "seconds": 3_000})
        for words in ((), ("--wait", "20")):
            begun = time.monotonic()
            message = it.close_all(*words, code=6)["error"]["message"]
            assert time.monotonic() - begun < 18  # the shorter wait
            assert "longer than this waits (--wait 5" in message
            assert "not known to be taken: XRP/USDT short 40" in message
            assert halt_present(it.bot.data_dir)
        assert engine.poll() is None
        assert not [step for step in it.steps() if step.step == "fence"]
        assert it.venue.held() == ["XRPUSDT"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_and_says_what_is_open(tmp_path: Path, number: int) -> None:
    """The exchange takes no close; then nothing answers at all any more."""
    with scene(tmp_path, XRP) as it:
        it.faults(REFUSED)
        said = "still open: XRP/USDT position 40; going on for 9m5"
        refused = interrupted(it, said, number=number)
        assert it.steps()[-1].step == "result"
        assert it.steps()[-1].more["code"] == BROKEN_OFF
        assert "XRP/USDT position" in it.steps()[-1].more["why"]
        found = last_close([it.bot.data_dir, it.account_dir])
        assert found is not None
        assert found.stage == "broken off"
        assert "interrupted: trading stays halted; open when it was read last (" in refused
        assert "): XRP/USDT position" in refused
        it.bot.env["TRADEBOT_EXCHANGE__URL"] = it.venue.url
        it.faults({"do": "accept_then_garbage", "form": "html", "method": "GET"})
        unread = interrupted(it, "cannot be read whole: ")
        assert "interrupted: trading stays halted; what is open has not been read whole" in unread
        assert halt_present(it.bot.data_dir)
        assert it.venue.held() == ["XRPUSDT"]


def test_an_exchange_that_is_not_there_is_tried_on_and_on(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.bot.env |= it.exchange
        it.bot.env["TRADEBOT_EXCHANGE__URL"] = "http://127.0.0.1:9"
        said = interrupted(it, "cannot reach 127.0.0.1:9", env={})
        assert "going on for 9m" in said
        short = it.close_all("--wait", "3", code=6, TRADEBOT_EXCHANGE__URL="http://127.0.0.1:9")
        assert "cannot be told" in short["error"]["message"]


def interrupted(
    it: Scene, words: str, env: dict[str, str] | None = None, number: int = signal.SIGINT
) -> str:
    """Start a close-all, interrupt it when it has said ``words``, and return all it said."""
    if env is None:
        it.bot.env |= it.exchange
    process = it.bot.start("close-all", "--account", "demo", "--json")
    assert process.stderr is not None
    said = ""
    while words not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(number)
    _, err = ended(process)
    assert process.returncode == 130
    return " ".join(said.split()) + " " + err
