"""Another key: everything is signed anew or nothing, and what was weak stays known as weak."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kits.evidence_kit import configure, play
from kits.paper_kit import Bot

from tradebot.app.readiness import judge
from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import AuditKey
from tradebot.journal.rekey import rekey
from tradebot.journal.testimony import read_testimony
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.stretches import WEAK

NOW = 1_795_000_020_000
NEW = AuditKey(b"n" * 32, "key file")


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, AuditKey]:
    """A journal of half an hour with the key beside it, as the first run makes it."""
    asyncio.run(play(tmp_path, NOW, 0.5))
    key = AuditKey.find(tmp_path / "data", {})
    assert key is not None
    assert key.is_weak
    return tmp_path / "data" / "tradebot.db", key


def test_everything_verifies_with_the_new_key_and_nothing_with_the_old(
    written: tuple[Path, AuditKey],
) -> None:
    path, old = written
    before = read_testimony(path, old)
    head = rekey(path, old, NEW, NOW)
    assert verify(path, NEW, [head]) == []
    assert [finding.kind for finding in verify(path, old)] == ["key"]
    after = read_testimony(path, NEW)
    assert (after.broken, after.weak, after.weak_until) == ("", False, head.seq)
    assert [said.fact for said in after.rows[:-1]] == [said.fact for said in before.rows]
    assert head.seq == before.head.seq + 1
    again = rekey(path, NEW, AuditKey(b"m" * 32, "keyring"), NOW)
    assert read_testimony(path, AuditKey(b"m" * 32, "keyring")).weak_until == head.seq < again.seq


def test_the_record_goes_on_under_the_new_key(written: tuple[Path, AuditKey]) -> None:
    path, old = written
    rekey(path, old, NEW, NOW)

    async def open_again() -> None:
        async with await Journal.open(path, key=NEW) as journal:
            assert journal.doubts == ()
            await journal.publish_head("a test", NOW)

    asyncio.run(open_again())
    assert verify(path, NEW) == []


def test_what_was_weak_counts_for_nothing_afterwards(
    written: tuple[Path, AuditKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, old = written
    strong = AuditKey.find(path.parent, {"TRADEBOT_AUDIT_KEY": "a good one, kept away"})
    assert strong is not None
    rekey(path, old, strong, NOW)
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", "a good one, kept away")
    config = configure(path.parent.parent)
    found = judge(config, load_strategy("regular.py:Regular", config.strategy_dir()))
    ghost = next(one for one in found.verdicts if one.gate == "ghost")
    assert "it was first signed with a key that lay beside the journal" in ghost.left_out[0].reasons


@pytest.mark.parametrize("place", ["key file", "keyring"])
def test_a_weak_key_that_is_put_elsewhere_makes_what_it_signed_no_better(
    written: tuple[Path, AuditKey], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path, old = written
    monkeypatch.setattr(
        AuditKey, "find", lambda *_, **__: AuditKey(old.secret, place)
    )  # the same key, no longer beside the journal
    assert read_testimony(path, AuditKey(old.secret, place)).weak is False
    config = configure(path.parent.parent)
    found = judge(config, load_strategy("regular.py:Regular", config.strategy_dir()))
    for gate in found.verdicts:
        if gate.gate in ("paper", "ghost"):
            assert WEAK in gate.left_out[0].reasons


class Interrupted(Exception):
    """The process is gone."""


class Watched:
    """A new key that does something each time it signs."""

    def __init__(self, then: Callable[[int], None]) -> None:
        self.signed = 0
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(NEW, name)

    def sign(self, *parts: str | int | None) -> str:
        self.signed += 1
        self._then(self.signed)
        return NEW.sign(*parts)


def test_broken_off_anywhere_it_is_the_old_one(written: tuple[Path, AuditKey]) -> None:
    path, old = written
    count = Watched(lambda _: None)
    shutil.copytree(path.parent, path.parent.parent / "copy")
    rekey(path.parent.parent / "copy" / path.name, old, count, NOW)  # type: ignore[arg-type]
    places = sorted({1, 2, count.signed // 2, count.signed - 3, count.signed - 2, count.signed - 1})
    for place in places:

        def leave(number: int, place: int = place) -> None:
            if number == place:
                image = path.parent.parent / f"image-{place}"
                shutil.copytree(path.parent, image)  # what a kill at this moment leaves
                raise Interrupted

        with pytest.raises(Interrupted):
            rekey(path, old, Watched(leave), NOW)  # type: ignore[arg-type]
        assert verify(path, old) == []
        image = path.parent.parent / f"image-{place}" / path.name
        assert read_testimony(image, old).broken == ""
    assert verify(path, NEW, [rekey(path, old, NEW, NOW)]) == []


def test_a_full_disk_leaves_it_as_it_was(written: tuple[Path, AuditKey]) -> None:
    path, now = written
    pages = path.stat().st_size // 4096
    others = (NEW, AuditKey(b"m" * 32, "keyring"))
    full: JournalError | None = None
    for number in range(100):  # each adds a row and a head, until that takes a page more
        before = read_testimony(path, now).head
        try:
            rekey(path, now, others[number % 2], NOW, max_pages=pages)
        except JournalError as error:
            full = error
            break
        now = others[number % 2]
    assert "full" in str(full)
    assert read_testimony(path, now).head == before
    assert verify(path, now) == []


def test_what_will_not_do_is_refused(written: tuple[Path, AuditKey], tmp_path: Path) -> None:
    path, old = written
    with pytest.raises(JournalError, match="that is the key it has"):
        rekey(path, old, old, NOW)
    with pytest.raises(JournalError, match="lies beside the journal"):
        rekey(path, old, AuditKey(b"x" * 32, "file"), NOW)
    with pytest.raises(JournalError, match="does not verify"):
        rekey(path, AuditKey(b"x" * 32, "keyring"), NEW, NOW)
    assert verify(path, old) == []


def test_from_the_installed_command(written: tuple[Path, AuditKey], tmp_path: Path) -> None:
    path, _ = written
    bot = Bot(tmp_path, path.parent)
    file = tmp_path / "new.key"
    file.write_text("a good one, kept away")
    file.chmod(0o644)
    refused = bot.json("db", "rekey", file, code=1)
    assert "others may read it" in refused.error["message"]
    file.chmod(0o600)
    done = bot.json("db", "rekey", file).data
    bot("db", "verify", code=1)
    bot("db", "verify", "--head", done["head"], TRADEBOT_AUDIT_KEY_FILE=str(file))
