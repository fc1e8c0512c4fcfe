"""``tradebot live --check``: the checklist before real money, by the installed command on a venue of its own."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import MORNING, check, failed, live_bot, rows_of
from kits.paper_kit import Bot, Done

from tradebot.app import checklist
from tradebot.app.checklist import Checklist, go_through_patiently
from tradebot.app.finding import Row
from tradebot.app.live_checks import _strangers, sync_time
from tradebot.app.ours import Ours
from tradebot.clock import Clock
from tradebot.config import load_config
from tradebot.core.model.account import OrderRead
from tradebot.core.model.values import OrderStatus, Side
from tradebot.wire.reply import UNASKED

PLACES = ["here", "key", "account", "symbols", "state", "gates"]


def test_an_account_that_is_fit_for_real_money(tmp_path: Path) -> None:
    """Every line is ok, the places come in order, nothing is changed at the exchange, and a token is given."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot = live_bot(tmp_path, venue)
        done = check(bot)
        assert not failed(done)
        assert list(dict.fromkeys(row["place"] for row in done.data["checks"])) == PLACES
        names = (
            "enabled profile readiness lock fsync exchange_clock key_lock halt key_rights equity free_margin "
            "position_limit foreign_orders feed reconcile unknown_orders side_file baselines"
        )
        assert {name.replace("_", " ") for name in names.split()} <= set(rows_of(done))
        assert set(rows_of(done)) <= set(checklist.CHECKS)
        assert "leverage 1x is set and read back" in rows_of(done)["position limit"][0]["detail"]
        assert len(done.data["token"]) == 12
        assert done.data["stage"] is None  # none binds here
        assert {row["method"] for row in venue.rows("request")} == {"GET"}
        assert venue.key not in done.out
        assert venue.secret not in done.out

        said = bot("live", "--check", "--symbols", "BTC/USDT,ETH/USDT").out
        assert "BTC/USDT: smallest order 0.001 BTC = $" in said
        assert "it will not trade" in said
        assert "--confirm-live" in said
        bare = check(bot, "--symbols", "BTC/USDT", code=4)
        assert failed(bare) == {"symbols"}
        assert bare.data["token"] is None


UNFIT = """
hedge = true
multi_assets = true
fee_burn = true
[assets]
BNFCR = "10"
[permissions]
enableWithdrawals = true
permitsUniversalTransfer = true
ipRestrict = false
enablePortfolioMarginTrading = true
"""


@pytest.fixture(scope="module")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("unfit")
    faults = folder / "faults.toml"
    faults.write_text('[[fault]]\ndo = "act"\nact = "set_auto_add_margin"\n')
    with demo_venue(folder, MORNING, "--faults", str(faults), wallet="99", account=UNFIT) as venue:
        bot = live_bot(folder, venue, TRADEBOT_LIVE__ENABLED="false")
        bot.data_dir.mkdir()
        (bot.data_dir / "HALT").touch()
        (bot.data_dir / "tradebot.protective.jsonl").write_text('{"run": "live-0001", "at"')
        yield check(bot, "--profile", "paper", code=4)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("enabled", "[live] enabled = false"),
        ("profile", 'profile = "paper"'),
        ("halt", "the HALT file is there"),
        ("key rights", "may withdraw"),
        ("key rights", "may transfer between wallets"),
        ("key rights", "works from any address"),
        ("portfolio margin", "not an account of its own"),
        ("position mode", "needs one-way mode"),
        ("assets mode", "needs single-asset mode"),
        ("credits", "BNFCR"),
        ("fee burn", "paid in BNB"),
        ("equity", "99 USDT; 2 positions of $50 take $100"),
        ("free margin", "take $100 and $0.10 of fees"),
        ("auto margin", "ETH/USDT can lose more"),
    ],
)
def test_what_forbids_a_start(unfit: Done, name: str, words: str) -> None:
    (row,) = [row for row in rows_of(unfit)[name] if words in row["detail"]]
    assert row["status"] == "fail"
    assert row["hint"]
    assert name in unfit.error["message"]


def test_a_side_file_that_was_cut_shows_what_is_left(unfit: Done) -> None:
    (row,) = rows_of(unfit)["side file"]
    assert '1 line(s) cannot be read: {"run": "live-0001"' in row["detail"]
    assert unfit.data["open"]


HELD = """
[[positions]]
symbol = "ETHUSDT"
side = "BOTH"
qty = "0.01"
entry = "3600"
[[positions]]
symbol = "XRPUSDT"
side = "BOTH"
qty = "10"
entry = "2"
"""


def test_what_somebody_else_holds(tmp_path: Path) -> None:
    """On a symbol to be traded it forbids a start, elsewhere it is told; the exchange away is another code."""
    with demo_venue(tmp_path, MORNING, account=HELD) as venue:
        bot = live_bot(tmp_path, venue)
        done = check(bot, code=4)
        assert failed(done) >= {"reconcile", "leverage"}
        assert "ETH/USDT: 0 by the journal, 0.01 on the account" in str(rows_of(done)["reconcile"])
        assert "something is open on XRP/USDT" in str(rows_of(done)["elsewhere"])
        traded, beside = rows_of(done)["leverage"]
        assert (traded["status"], beside["status"]) == ("fail", "ok")
        assert beside["detail"].startswith("XRP/USDT: 20x isolated; open beside")
        away = check(bot, code=3, TRADEBOT_EXCHANGE__URL="http://127.0.0.1:9")
        assert "exchange" in away.error["message"]
        other = check(bot, code=3, TRADEBOT_BINANCE_KEY="x" * 64)
        assert "(-2015)" in str(rows_of(other)["key rights"])
        del bot.env["TRADEBOT_BINANCE_SECRET"]
        assert "half a key" in str(rows_of(check(bot, code=4))["key"])


@pytest.mark.parametrize(
    ("name", "detail", "hint"),
    [
        ("web_abc", "ETH/USDT order web_abc", "cancel them"),
        (
            "tbzzzzzz-0a0b0c0d-2s",
            "ETH/USDT order tbzzzzzz-0a0b0c0d-2s of another tradebot",
            "end the other tradebot first",
        ),
    ],
)
def test_a_stop_of_another_tradebot_is_not_to_be_cancelled(
    name: str, detail: str, hint: str
) -> None:
    order = OrderRead(
        *("ETH/USDT", name, "7", Side.SELL, "STOP_MARKET", OrderStatus.WORKING),
        *(Decimal(1), Decimal(0), None, Decimal(3000), True),
    )
    row = _strangers([order])
    assert (row.status, row.detail) == ("fail", detail)
    assert row.hint is not None
    assert row.hint.startswith(hint)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("prices.csv",), "FILE"),
        (("--speed", "60"), "--speed"),
        (("--market", "sim"), "--market"),
        (("--seed", "1"), "--seed"),
        (("--set", "execution.entry=market"), "execution.entry"),
        (("--set", "execution.entry=limit"), "execution.entry"),
        (("--set", "risk.live.day_loss=26"), "risk.live.day_loss"),
        (("--set", "risk.live.stop_required=false"), "risk.live.stop_required"),
    ],
)
def test_what_live_cannot_be_told(tmp_path: Path, words: tuple[str, ...], key: str) -> None:
    error = Bot(tmp_path, tmp_path / "data").json("live", *words, code=2).error
    assert error["key"] == key
    assert error["hint"] or "ceiling" in error["message"]


class Hourglass(Clock):
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000 // 60_000 * 60_000 + 15_000
        self.slept: list[float] = []

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic(self) -> float:
        return self.now_ms / 1000

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ms += round(seconds * 1000)


@pytest.mark.parametrize(
    ("details", "url", "slept"),
    [
        (["{0}: 1190 of 2400 request weight is used", ""], "", [47.0]),
        (["{0}: 1190 of 2400 request weight is used"] * 4, "", [47.0]),
        (["{0}: 1190 of 2400 request weight is used", ""], "http://127.0.0.1:9", [62.0]),
        (["{0}: the exchange has banned this address for 90 s more"], "", []),
        (["no bars"], "", []),
        ([""], "", []),
    ],
)
def test_a_check_waits_for_the_next_minute_where_this_one_is_used_up(
    monkeypatch: pytest.MonkeyPatch, details: list[str], url: str, slept: list[float]
) -> None:
    """The whole of one on a venue, whose clock may be another."""
    found = [
        Checklist((Row("feed", "fail" if text else "ok", text.format(UNASKED)),), Ours())
        for text in details
    ]
    monkeypatch.setattr(checklist, "go_through", lambda *_: found.pop(0))
    clock, told, given = Hourglass(), list[str](), list(found)
    nothing: Any = None
    config = load_config(None, {}, (), {"exchange.environment": "live", "exchange.url": url})
    last = go_through_patiently(config, nothing, told.append, clock)
    assert clock.slept == slept
    assert len(told) == len(slept)
    assert last is given[len(slept)]
    assert all("the requests of this minute are used up" in text for text in told)


@pytest.mark.parametrize(
    ("took", "fit", "tries"),
    [([0.01], True, 1), ([0.4, 0.3, 0.02], True, 3), ([0.4, 0.3, 0.26, 0.01], False, 3)],
)
def test_a_disk_that_is_slow_once_is_measured_again(
    tmp_path: Path, took: list[float], fit: bool, tries: int
) -> None:
    class Slow:
        now, calls = 0.0, 0

        def wall_ms(self) -> int:
            raise AssertionError

        def monotonic(self) -> float:
            self.calls += 1
            if self.calls % 2 == 0:  # a write lies between two looks
                self.now += took[self.calls // 2 - 1]
            return self.now

        def sleep(self, seconds: float) -> None:
            raise AssertionError(seconds)

    clock = Slow()
    (row,) = sync_time(tmp_path, clock)
    assert row.for_live == ("ok" if fit else "fail")
    assert f"{min(took[:tries]) * 1000:.0f} ms" in row.detail
    assert clock.calls == 2 * tries
