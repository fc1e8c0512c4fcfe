"""Statements that an engine has judged: whose they must be, and what is still being judged when it ends."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.evidence_kit import configure

from tradebot.app import statements, stating
from tradebot.app.sealed import CLOSING, DRILL, FRESH_MS, STATEMENT
from tradebot.app.statements import Statements
from tradebot.app.stating import PersonsWord, Sworn
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import RefusedError
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import SignoffRevoked
from tradebot.journal.rows import CommandRow

KEY = AuditKey(b"k" * 32, "environment")


class Desk:
    """Statements without a judge: what they were asked, and what was refused."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: list[str] = []
        self.asked: list[PersonsWord] = []
        session = SimpleNamespace(engine=SimpleNamespace(now=1))
        self.run: Any = SimpleNamespace(
            identity=SimpleNamespace(mode="paper"),
            session=session,
            time=lambda: 1,
            facts=[],
            effects=[],
            refuse=lambda _, why: self.refused.append(why),
        )
        runs: list[Any] = [self.run]
        self.taken = Statements(configure(folder), folder / "tradebot.db", runs, KEY)
        monkeypatch.setattr(self.taken, "_worth", self._nothing)
        monkeypatch.setattr(statements, "ask_child", self._ask)

    async def _nothing(self, _: object) -> tuple[str, str]:
        raise RefusedError("something is open, and nobody knows here what it is worth")

    def _ask(self, _config: object, stated: PersonsWord, *_: object, **_named: object) -> Sworn:
        self.asked.append(stated)
        raise RefusedError("it was judged")

    def hear(self, text: str) -> str:
        """Take the text of a command; return why it was refused."""

        async def main() -> None:
            self.taken.take(row(text))
            async with asyncio.timeout(60):
                while not self.refused:
                    await asyncio.sleep(0)

        asyncio.run(main())
        return self.refused.pop()


def row(text: str) -> CommandRow:
    return CommandRow(1, None, "state", "Ada", "words", SYSTEM.wall_ms() + 1000, text)


WORD = PersonsWord("raise", "Ada", stage=2)


def test_only_who_has_the_key_of_the_chain_states_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    desk, now = Desk(tmp_path, monkeypatch), SYSTEM.wall_ms()
    good = STATEMENT.seal(WORD.text(), KEY, now)
    other = AuditKey(b"x" * 32, "environment")
    forged = {
        "plain": WORD.text(),
        "no key": STATEMENT.seal(WORD.text(), None, now).text(),
        "another key": STATEMENT.seal(WORD.text(), other, now).text(),
        "another stage": replace(good, body=replace(WORD, stage=3).text()).text(),
        "for a drill": DRILL.seal(WORD.text(), KEY, now).text(),
        "for a close-all": replace(good, seal=CLOSING.sign(KEY, WORD.text())).text(),
        "another time": replace(good, at=now + 1).text(),
        "old": STATEMENT.seal(WORD.text(), KEY, now - FRESH_MS - 1).text(),
        "to come": STATEMENT.seal(WORD.text(), KEY, now + FRESH_MS).text(),
    }
    said = {what: desk.hear(text) for what, text in forged.items()}
    assert desk.asked == []
    assert said.pop("plain") == "nobody can tell what was stated"
    assert {said.pop("old"), said.pop("to come")} == {"the statement was not made just now"}
    assert set(said.values()) == {"the statement is not sealed with this journal's key"}
    assert desk.hear(good.text()) == "it was judged"
    assert desk.asked == [WORD]


def test_to_take_a_sign_off_back_needs_no_key_and_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    desk = Desk(tmp_path, monkeypatch)
    word = STATEMENT.seal(PersonsWord("revoke", "Ada").text(), None, 1)

    async def main() -> None:
        async with desk.taken._turn, asyncio.timeout(60):  # somebody else is being judged
            desk.taken.take(row(word.text()))
            while not desk.run.facts:
                await asyncio.sleep(0)

    asyncio.run(main())
    assert [fact for _, fact in desk.run.facts] == [SignoffRevoked("Ada", "")]
    assert (desk.asked, desk.refused) == ([], [])


def test_only_who_signs_has_to_know_what_the_account_is_worth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    desk = Desk(tmp_path, monkeypatch)
    for kind, said in {"sign": "something is open, and nobody knows here what it is worth", "raise": "it was judged", "review": "it was judged"}.items():  # fmt: skip
        word = PersonsWord(kind, "Ada")  # type: ignore[arg-type]
        assert desk.hear(STATEMENT.seal(word.text(), KEY, SYSTEM.wall_ms()).text()) == said


def test_an_engine_that_ends_does_not_wait_for_a_judgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    begun, done = tmp_path / "begun", tmp_path / "done"
    code = f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(20); pathlib.Path({str(done)!r}).touch()"
    slow = partial(stating.ask_child, command=(sys.executable, "-c", code))
    monkeypatch.setattr(statements, "ask_child", slow)
    run: Any = SimpleNamespace(identity=SimpleNamespace(mode="paper"))
    word = STATEMENT.seal(WORD.text(), KEY, SYSTEM.wall_ms())

    async def main() -> None:
        taken = Statements(configure(tmp_path), tmp_path / "tradebot.db", [run], KEY)
        monkeypatch.setattr(taken, "_worth", nothing)
        taken.take(row(word.text()))
        async with asyncio.timeout(60):
            while not begun.exists():
                await asyncio.sleep(0.01)

    async def nothing(_: object) -> tuple[str, str]:
        return "", ""

    asyncio.run(main())
    assert not done.exists()
