"""The approved loss is reached: it halts, closes, and no sign-off stands any more.

Holds: no start and no resume goes past it, until two people have signed anew; then the loss counts from that moment. End: it
trades again, and loses no more than what was approved anew.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from kits.disaster_live import LiveScene, live_scene
from kits.evidence_kit import SECRET
from kits.live_run_kit import check, failed
from kits.signing_kit import sign

from tradebot.app.approved_anew import approved_now, note_after, note_before, worth_here
from tradebot.app.approved_loss import noted_base
from tradebot.app.readiness import Readiness, judge
from tradebot.app.signing import Signer, questions
from tradebot.config import Config, load_config
from tradebot.guard.account_lock import account_dir
from tradebot.plugins.strategies import load_strategy

pytestmark = [pytest.mark.slow, pytest.mark.full]

CAP = "2"
WORDS = "I have seen what it lost, and approve as much once more."


def configured(it: LiveScene) -> Config:
    return load_config(None, it.bot._env({}), (), {"data.dir": str(it.bot.data_dir), "strategy.name": f"{it.folder / 'own.py'}:Own"})  # fmt: skip


def passing(config: Config) -> Readiness:
    """What the gates would say where every one is passed: what they ask for is proved elsewhere."""
    found = judge(config, load_strategy(config.strategy.name, config.strategy_dir(), {}))
    verdicts = tuple(
        one if one.gate == "reviewers" else replace(one, ok=True, reasons=())
        for one in found.verdicts
    )
    return replace(found, verdicts=verdicts)


def sign_anew(it: LiveScene) -> Decimal:
    """Have two people sign; return what the approved loss counts from (USDT)."""
    config = configured(it)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), {})
    for name in ("Ada", "Bob"):
        worth, _ = worth_here(config)
        answers = {one.key: one.right[0] for one in questions(config)}
        before = approved_now(config, spec)
        note_before(config, worth)
        sign(config, passing(config), Signer(name, "owner", WORDS, answers), worth=worth)
        note_after(config, spec, before)
    return Decimal(worth)


def test_signoff_loss_latches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with live_scene(
        tmp_path, TRADEBOT_RISK__LIVE__SINCE_SIGNOFF_LOSS=CAP, TRADEBOT_AUDIT_KEY=SECRET
    ) as it:
        engine = it.engine()
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="-6")
        assert f"of ${CAP}" in it.wait_halt("signoff_loss")
        it.bot.until(it.is_over)
        refused = it.bot.json("resume", "--reason", "go on", code=4).error
        assert "it needs a new sign-off" in str(refused)
        it.ended(engine)
        strategy = ("--strategy", f"{it.folder / 'own.py'}:Own")
        assert "approved loss" in failed(check(it.bot, *strategy, code=4))
        told = it.bot.json("live", *strategy, "--headless", code=4).error
        assert "approved loss" in told["message"]
        worth = sign_anew(it)
        assert failed(check(it.bot, *strategy, code=None)) <= {"fsync"}
        token = check(it.bot, *strategy).data["token"]
        again = it.bot.start("live", *strategy, "--headless", "--json", "--confirm-live", token)
        it.bot.until(lambda: again.poll() is not None or not it.halted())
        it.bot.until(lambda: it.bot.status().get("engine") == "running")
        (rule,) = [r for r in it.bot.json("risk").data["limits"] if r["rule"] == "signoff_loss"]
        assert (Decimal(rule["used"]), rule["cap"]) == (Decimal(0), CAP)
        noted = noted_base(account_dir(fingerprint(it)))
        assert noted is not None
        assert noted.base == worth
        it.hush()
        (it.folder / "go").touch()
        it.bot.until(lambda: len(it.fills()) > 2, 300)
        it.hush()
        it.act("move_price", symbol="ETHUSDT", percent="-6")
        it.wait_halt("signoff_loss")
        it.bot.until(it.flat)
        it.ended(again)
        it.agree()


def fingerprint(it: LiveScene) -> str:
    from tradebot.app.account import find_access

    with pytest.MonkeyPatch.context() as patched:
        for name in ("KEY", "SECRET"):
            patched.setenv(f"TRADEBOT_BINANCE_{name}", it.bot.env[f"TRADEBOT_BINANCE_{name}"])
        found: str = find_access("live", it.venue.url).fingerprint
        return found
