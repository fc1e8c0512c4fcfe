"""Statements that an engine has judged: what is still being judged when it ends."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.evidence_kit import configure

from tradebot.app import statements, stating
from tradebot.app.statements import Statements
from tradebot.app.stating import PersonsWord
from tradebot.journal.rows import CommandRow


def test_an_engine_that_ends_does_not_wait_for_a_judgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    begun, done = tmp_path / "begun", tmp_path / "done"
    code = f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(20); pathlib.Path({str(done)!r}).touch()"
    slow = partial(stating.ask_child, command=(sys.executable, "-c", code))
    monkeypatch.setattr(statements, "ask_child", slow)
    run: Any = SimpleNamespace(identity=SimpleNamespace(mode="paper"))
    word = PersonsWord("revoke", "Ada")
    row = CommandRow(1, None, "state", "Ada", "revoke", 1, word.text())

    async def main() -> None:
        taken = Statements(configure(tmp_path), tmp_path / "tradebot.db", [run], 0)
        monkeypatch.setattr(taken, "_worth", nothing)
        taken.take(row)
        async with asyncio.timeout(60):
            while not begun.exists():
                await asyncio.sleep(0.01)

    async def nothing(_: object) -> tuple[str, str]:
        return "", ""

    asyncio.run(main())
    assert not done.exists()
