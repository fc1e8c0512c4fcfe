"""Moving live up a stage, a week's review, and taking back: what is refused, in one line; by the engine where one holds the journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kits.evidence_kit import SECRET
from kits.paper_kit import Bot
from kits.signing_kit import SHORT_END, let_through, short_journal, spec_of

from tradebot.app import stating
from tradebot.app.readiness import Readiness, judge
from tradebot.app.stating import PersonsWord, Sworn, judge_statement, state
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError, TradebotError, UsageError
from tradebot.journal.facts import Reviewed, SignedOff, SignoffRevoked, StageRaised
from tradebot.journal.reader import Reader
from tradebot.journal.testimony import read_said
from tradebot.reports.readiness.signoffs import approval_after
from tradebot.reports.readiness.stages import LiveStage

NOW = SHORT_END
WORDS = "Three trades went as they should, and I was there."


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return short_journal(tmp_path)


def passing(found: Readiness, *but: str, **stage: Any) -> Readiness:
    return replace(let_through(found, *but), standing=LiveStage(**stage))


def at(monkeypatch: pytest.MonkeyPatch, *but: str, **stage: Any) -> None:
    """Have every gate pass, and live be in a stage: what they ask for is proved elsewhere."""

    def judged(*given: Any, **named: Any) -> Readiness:
        return passing(judge(*given, **named), *but, **stage)

    monkeypatch.setattr(stating, "judge", judged)


def raising(stage: int, **parts: Any) -> PersonsWord:
    return replace(PersonsWord("raise", "Ada", "owner", WORDS, stage=stage), **parts)


def stated(config: Config, statement: PersonsWord) -> Sworn:
    return judge_statement(config, spec_of(config), statement)


def test_a_person_moves_it_up_when_it_has_shown_enough(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    at(monkeypatch, stage=1, ready=True, needed="3 trades", have="3 of 3")
    text, head = state(config, spec_of(config), raising(2))
    assert text == "Ada has moved live up to stage 2, from its next start on"
    assert head is not None
    with Reader(config.data_dir() / "tradebot.db") as reader:
        (said,) = read_said(reader, ("StageRaised",))
    assert isinstance(said.fact, StageRaised)
    assert (said.fact.stage, said.fact.name, said.fact.words, said.fact.cap) == (2, "Ada", WORDS, "")  # fmt: skip
    assert said.seq == head.seq


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], type[TradebotError], str]] = {
    "stage 4": ({"stage": 4}, {}, UsageError, "there is no stage 4 to move up to"),
    "stage 1": ({"stage": 1}, {}, UsageError, "there is no stage 1 to move up to"),
    "stage 3 from 1": ({"stage": 3}, {}, RefusedError, "live is in stage 1: stage 3 does not follow it"),
    "stage 2 again": ({}, {"stage": 2}, RefusedError, "live is in stage 2: stage 2 does not follow it"),
    "too early": ({}, {"ready": False}, RefusedError, "stage 2 needs 3 trades: 2 of 3"),
    "no name": ({"name": " "}, {}, UsageError, "name is empty"),
    "19 characters": ({"words": "x" * 19}, {}, UsageError, "the sentence has 19 characters"),
    "a cap in stage 2": ({"cap": "60"}, {}, UsageError, '"60" is no cap'),
    "a cap over the ceiling": ({"stage": 3, "cap": "100.01"}, {"stage": 2}, UsageError, "no cap"),
    "a cap that is none": ({"stage": 3, "cap": "much"}, {"stage": 2}, UsageError, "no cap"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_moves_nothing_up(config: Config, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    parts, stage, kind, words = BAD[case]
    at(monkeypatch, **{"stage": 1, "ready": True, "needed": "3 trades", "have": "2 of 3", **stage})
    with pytest.raises(kind, match=words) as caught:
        stated(config, raising(2, **parts) if "stage" not in parts else raising(**parts))
    assert caught.value.hint


@pytest.mark.parametrize("gate", ["drill", "backtest", "paper", "ghost", "reviewers"])
def test_no_stage_without_its_gates(config: Config, monkeypatch: pytest.MonkeyPatch, gate: str) -> None:  # fmt: skip
    at(monkeypatch, gate, stage=2, ready=True)
    with pytest.raises(RefusedError, match="sign-off that stands" if gate == "reviewers" else gate):
        stated(config, raising(3))


def test_what_a_stage_asks_for_beyond_the_one_before_is_said_with_figures(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tradebot gates` says yes to them in stage 2."""
    at(monkeypatch, "ghost", "drill", stage=2, ready=True)
    with pytest.raises(RefusedError) as caught:
        stated(config, raising(3))
    assert caught.value.message == (
        "stage 3 is not moved up to while gates do not pass: ghost (no run counts yet; needed: 200 signals with an outcome"
        " within one stretch of 24 h, accuracy > 55 %, average win > average loss), drill"
    )
    assert caught.value.hint == "tradebot gates says what to do next, by what stage 2 needs"


def test_stage_3_asks_for_its_own_figures(config: Config) -> None:
    found = judge(config, spec_of(config), raising=3)
    needed = {one.gate: one.needed for one in found.verdicts}
    assert found.stage == 3
    assert "10 profitable" in needed["paper"]
    assert "200 signals" in needed["ghost"]
    assert found.standing.stage == 1


def test_a_cap_is_written_down(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, stage=2, ready=True)
    done = stated(config, raising(3, cap="80"))
    assert isinstance(done.row, StageRaised)
    assert done.row.cap == "80"


def review(words: str) -> PersonsWord:
    return PersonsWord("review", "Ada", "owner", words)


@pytest.mark.parametrize(("count", "good"), [(99, False), (100, True), (101, True)])
def test_a_review_has_a_hundred_characters(config: Config, monkeypatch: pytest.MonkeyPatch, count: int, good: bool) -> None:  # fmt: skip
    monkeypatch.setattr(stating, "stage_of", lambda *_: LiveStage(3))
    if good:
        assert isinstance(stated(config, review("x" * count)).row, Reviewed)
        return
    with pytest.raises(UsageError, match="the review has 99 characters: 100 to"):
        stated(config, review("x" * count + " " * 50))


def test_only_stage_3_is_reviewed(config: Config) -> None:
    with pytest.raises(RefusedError, match="only stage 3 is reviewed: live is in stage 1"):
        stated(config, review("x" * 200))


def test_what_was_shown_is_what_is_signed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, stage=1)
    cases: tuple[dict[str, Any], ...] = ({"evidence": "f"}, {"limits": "{}"})
    for shown in cases:
        with pytest.raises(RefusedError, match="another strategy, version or limits"):
            stated(config, replace(PersonsWord("sign", "Ada", "owner", WORDS), **shown))


def test_what_nobody_can_read_is_no_statement() -> None:
    for text in ("{", "[]", '{"kind": "sign", "name": "Ada", "more": 1}'):
        with pytest.raises(RefusedError):
            PersonsWord.read(text)
    one = raising(2, cap="x", answers={"risks": "y"})
    assert PersonsWord.read(one.text()) == one


# -- which sign-off is a new one ------------------------------------------------------------------------


def row(name: str, seq: int) -> SignedOff:
    return SignedOff(name, "r", "w", (), "e", "c", "{}", "50", 1, f"{seq}:hash", "s", "k")


def test_two_people_make_a_sign_off_and_a_third_no_other() -> None:
    ada, bob, eve = row("Ada", 5), row("Bob", 6), row("Eve", 9)
    assert approval_after([ada]) is None
    assert approval_after([ada, row(" ADA ", 6)]) is None
    assert approval_after([ada, bob]) is bob
    assert approval_after([ada, bob, eve]) is bob
    assert approval_after([ada, bob, eve], bob.head) is None
    assert approval_after([bob, eve], bob.head) is None  # the first has lapsed meanwhile
    again = [row("Ada", 20), row("Bob", 21)]
    assert approval_after([ada, bob, eve, *again], bob.head) is again[0]  # Eve and Ada, both anew


# -- while an engine holds the journal --------------------------------------------------------------------


def test_by_the_engine_that_holds_the_journal(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    try:
        run = bot.start("paper", "--headless", "--speed", "60", "--json")
        bot.until(lambda: bot.status().get("engine") == "running")
        text = tmp_path / "text.txt"
        text.write_text("x" * 200)
        who = ("--name", "Ada", "--text-file", text)
        assert "only stage 3" in bot.json("signoff", "--review", *who, code=4).error["message"]
        early = bot.json("signoff", "--stage", "2", *who, code=4).error
        assert "gates do not pass" in early["message"]
        assert "so says the engine" in early["hint"]
        done = bot.json("signoff", "--revoke", "--name", "Ada").data
        assert done["revoked"] is True
        with Reader(tmp_path / "data" / "tradebot.db") as reader:
            (said,) = read_said(reader, ("SignoffRevoked",))
        assert said.fact == SignoffRevoked("Ada", "")
        assert run.poll() is None
        bot.end(run)
        assert bot("db", "verify").code == 0
    finally:
        bot.clean_up()


def test_words_that_do_not_go_together_are_one_line(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    cases = {
        "there is no stage 4": ("--stage", "4", "--name", "Ada"),
        "do not go together": ("--stage", "2", "--review", "--name", "Ada"),
        "who says it is not said": ("--review",),
        "--stage 2 wants words": ("--stage", "2", "--name", "Ada"),
        "a cap is written down for stage 3": ("--cap", "60"),
    }
    for words, given in cases.items():
        done = bot.json("signoff", *given, code=2)
        assert words in done.error["message"]
        assert done.error["hint"]
    assert not (tmp_path / "data" / "tradebot.db").exists()
