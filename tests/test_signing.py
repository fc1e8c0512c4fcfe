"""Sign-offs: two people, in words, on the journal's chain; what they refuse, and what makes them lapse."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.binance_kit import VenueClockAsOurs
from kits.evidence_kit import SECRET, configure, play
from kits.paper_kit import Bot
from kits.signing_kit import (
    SHORT_END,
    answers,
    let_through,
    revoke,
    short_journal,
    sign,
    spec_of,
)

from tradebot.app.readiness import Readiness, judge
from tradebot.app.signing import Signer, questions, read_signer, risk_sources
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError, UsageError
from tradebot.core.model.values import DAY_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import SignedOff
from tradebot.journal.rows import Head
from tradebot.journal.testimony import read_testimony
from tradebot.journal.verify import verify
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.clock import HandClock

NOW = SHORT_END
WORDS = "I have read every line of its journal and accept the risk."


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return short_journal(tmp_path)


def judged(config: Config) -> Readiness:
    return judge(config, spec_of(config))


def passing(config: Config, *but: str) -> Readiness:
    return let_through(judged(config), "reviewers", *but)


def signer(config: Config, name: str = "Ada Lovelace", **parts: Any) -> Signer:
    return replace(Signer(name, "owner", WORDS, answers(config)), **parts)


def reviewers(config: Config) -> bool:
    return next(one.ok for one in judged(config).verdicts if one.gate == "reviewers")


def test_two_people_sign_and_the_gate_passes_until_one_takes_it_back(config: Config) -> None:
    row, head = sign(config, passing(config), signer(config))
    assert isinstance(row, SignedOff)
    assert not reviewers(config)
    _, last = sign(config, passing(config), signer(config, "Bob", role="reviewer"))
    assert reviewers(config)
    assert last.seq == head.seq + 1
    first, second = judged(config).signed
    assert (first.fact, second.fact.role) == (row, "reviewer")
    assert first.fact.head == f"{head.seq - 1}:{first.fact.head.partition(':')[2]}"
    assert dict(first.fact.confirmed) == answers(config)
    assert first.fact.risk_sources == risk_sources()
    revoke(config, "Bob", "I have changed my mind")
    assert not reviewers(config)
    revoke(config, "Bob", "and once more")  # no reason is said twice
    assert all(one.lapsed == ("Bob has revoked it",) for one in judged(config).signed)


def test_a_sign_off_that_has_lapsed_does_not_stand_again_when_the_clock_is_set_back(
    config: Config,
) -> None:
    for name in ("Ada", "Bob"):
        sign(config, passing(config), signer(config, name))
    signed = judged(config).signed[0].signed
    spec = spec_of(config)

    def lapsed(days: int) -> tuple[str, ...]:
        return judge(config, spec, VenueClockAsOurs(HandClock(signed + days * DAY_MS))).signed[0].lapsed  # fmt: skip

    assert lapsed(29) == ()
    assert lapsed(31) == ("it is 31.0 days old (at most 30)",)
    asyncio.run(play(config.base_dir, signed + 31 * DAY_MS, 0.05, modes=("paper",)))
    (reason,) = lapsed(29)
    assert reason.endswith(": it was set back")


def test_a_copy_from_before_a_sign_off_was_taken_back_is_no_way_round(config: Config) -> None:
    for name in ("Ada", "Bob"):
        sign(config, passing(config), signer(config, name))
    shutil.copytree(config.data_dir(), config.data_dir().with_name("second"))
    revoke(config, "Ada", "I have changed my mind")
    copy = configure(config.base_dir, **{"data.dir": str(config.data_dir().with_name("second"))})
    first, _ = judged(copy).signed
    (reason,) = first.lapsed
    assert reason.endswith("and this is a copy")
    assert not reviewers(copy)


def test_a_changed_limit_and_a_changed_file_void_it(config: Config) -> None:
    for name in ("Ada", "Bob"):
        sign(config, passing(config), signer(config, name))
    tighter = configure(config.base_dir, **{"risk.live.trade_loss": "4"})
    assert judged(tighter).signed[0].lapsed == ("a limit has changed since",)
    assert reviewers(config)
    with (config.base_dir / "regular.py").open("a") as file:
        file.write("# a word\n")
    spec = load_strategy("regular.py:Regular", config.base_dir)
    (reason,) = judge(config, spec).signed[0].lapsed
    assert reason.startswith("it was for another evidence hash")


@pytest.mark.parametrize("name", ["Ada Lovelace", "ADA LOVELACE", " ada  lovelace ", "AdaLovelace"])
def test_one_person_cannot_sign_twice(config: Config, name: str) -> None:
    sign(config, passing(config), signer(config))
    with pytest.raises(RefusedError, match="Ada Lovelace has signed already"):
        sign(config, passing(config), signer(config, name))


BAD: dict[str, dict[str, Any]] = {
    "no name": {"name": " \t"},
    "no role": {"role": ""},
    "no sentence": {"words": ""},
    "19 characters": {"words": "x" * 19},
    "spaces": {"words": " " * 40},
    "space between": {"words": "x" + " " * 40 + "x"},
    "what cannot be seen": {"words": "x" * 19 + "\u200b" * 5},
    "a book": {"words": "x" * 2001},
}


@pytest.mark.parametrize("case", BAD)
def test_words_that_will_not_do_are_one_line_and_leave_nothing(config: Config, case: str) -> None:
    before = judged(config).testimony.head
    with pytest.raises(UsageError) as caught:
        sign(config, passing(config), signer(config, **BAD[case]))
    assert caught.value.hint
    assert judged(config).testimony.head == before
    assert sign(config, passing(config), signer(config, words="x" * 20))


@pytest.mark.parametrize("key", ["risks", "loss", "kill", "close", "day", "sources"])
def test_each_thing_is_confirmed_by_itself(config: Config, key: str) -> None:
    for wrong in ("", "yes", "F7", "50"):
        with pytest.raises(UsageError) as caught:
            sign(config, passing(config), signer(config, answers=answers(config) | {key: wrong}))
        assert caught.value.key == key
    right = next(one.right for one in questions(config) if one.key == key)
    for answer in right:
        (question,) = (one for one in questions(config) if one.key == key)
        assert question.takes(f"  {answer.upper()}. ")


def test_a_gate_that_fails_a_weak_key_and_a_broken_chain_forbid_it(config: Config) -> None:
    with pytest.raises(RefusedError, match="gates do not pass: drill"):
        sign(config, passing(config, "drill"), signer(config))
    for gate in ("keys", "account"):
        sign(config, passing(config, gate), signer(config, gate))
    found = passing(config)
    for change, words in (({"weak": True}, "beside it"), ({"broken": "cut"}, "cut")):
        told = replace(found.testimony, **change)
        with pytest.raises(RefusedError, match=words):
            sign(config, replace(found, testimony=told), signer(config, "Eve"))


def test_what_was_judged_is_what_is_signed(config: Config) -> None:
    found = passing(config)
    revoke(config, "Eve", "in between")
    with pytest.raises(RefusedError, match="changed since the gates were judged"):
        sign(config, found, signer(config))
    assert judged(config).signed == ()


def test_a_cut_behind_a_published_head_is_found(config: Config) -> None:
    _, head = sign(config, passing(config), signer(config))
    path = config.data_dir() / "tradebot.db"
    key = AuditKey.find(config.data_dir(), {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    assert verify(path, key, [head]) == []
    assert verify(path, key, [Head(head.seq, "0" * 64)])
    for note in config.data_dir().glob("*head*"):
        note.unlink()  # somebody removes what was noted beside it, too
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM audit WHERE seq >= ?", (head.seq,))
        db.execute("DELETE FROM heads WHERE seq >= ?", (head.seq,))
        db.commit()
    assert any(finding.kind == "head" for finding in verify(path, key, [head]))
    assert read_testimony(path, key).broken


def test_a_text_file_holds_a_sentence_and_the_confirmations(config: Config) -> None:
    lines = [f"{key}:  {answer}" for key, answer in answers(config).items()]
    first, rest = WORDS[:29], WORDS[30:]
    text = "\n".join([first, *lines[:3], "", rest, *lines[3:]])
    assert read_signer("Ada", "owner", text) == Signer("Ada", "owner", WORDS, answers(config))


@given(st.text())
def test_no_text_makes_a_signer_fail_otherwise(text: str) -> None:
    made = read_signer("Ada", "owner", text)
    assert set(made.answers) <= {"risks", "loss", "kill", "close", "day", "sources"}


def test_from_the_installed_command(config: Config) -> None:
    bot = Bot(config.base_dir, config.data_dir(), env={"TRADEBOT_AUDIT_KEY": SECRET})
    place = ("--config", config.base_dir / "bot.toml")
    text = config.base_dir / "text.txt"
    text.write_text(WORDS)
    who = ("--name", "Ada", "--role", "owner", "--text-file", text)
    refused = bot.json("signoff", *place, *who, code=4)
    assert "gates do not pass" in refused.error["message"]
    sign(config, passing(config), signer(config))
    revoked = bot.json("signoff", *place, "--revoke", "--name", "Ada").data
    assert revoked["revoked"] is True
    shown = bot.json("signoff", *place, code=4)
    assert shown.data["signoff"][0]["lapsed"] == ["Ada has revoked it"]
    assert shown.data["approved_loss"] == "50"
    assert "drill" in shown.error["message"]


def test_a_word_that_takes_back_makes_no_journal(tmp_path: Path) -> None:
    """It would begin with a key beside it, and everything after it be worth nothing."""
    bot = Bot(tmp_path, tmp_path / "data")
    error = bot.json("signoff", "--revoke", "--name", "Ada", code=1).error
    assert error["message"] == "there is no journal yet"
    assert not (tmp_path / "data" / "tradebot.db").exists()
    assert not (tmp_path / "data" / "audit.key").exists()


def test_a_backup_from_before_a_sign_off_was_taken_back_is_no_way_round(config: Config) -> None:
    bot = Bot(config.base_dir, config.data_dir(), env={"TRADEBOT_AUDIT_KEY": SECRET})
    for name in ("Ada", "Bob"):
        sign(config, passing(config), signer(config, name))
    bot("db", "backup", config.base_dir / "before.db")
    revoke(config, "Ada", "I have changed my mind")
    bot("db", "restore", config.base_dir / "before.db")
    assert judged(config).testimony.broken == ""
    first, _ = judged(config).signed
    assert first.lapsed == ("tradebot db restore has revoked it",)
