"""A run's journalled state fits the journal that it was written into, and no other with the same key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits.journal_samples import KEY, WALL, alter, ask, new_run, story

from tradebot.core.model.errors import JournalError
from tradebot.journal import store
from tradebot.journal.audit import AuditKey
from tradebot.journal.rekey import rekey
from tradebot.journal.rows import Batch, RunBegun, RunResumed
from tradebot.journal.seal import sign_state
from tradebot.journal.verify import loose_states, verify
from tradebot.journal.writer import Journal

RUN = "paper-0001"
COLUMNS = "run, log_seq, audit_seq, wall, body, mac"
NEW = AuditKey(b"n" * 32, "key file")


async def written(folder: Path, nonce: str, number: int, *, more: int = 0, venue: str = "local") -> Path:  # fmt: skip
    """A journal of one run that stands still, with as many rows as every other."""
    folder.mkdir()
    path = folder / "tradebot.db"
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run(nonce=nonce, venue=venue))
        await journal.commit(Batch(run, WALL, effects=story(), state={"n": number}))
        for _ in range(more):
            await journal.commit(Batch(run, WALL, effects=story(), state={"n": number}))
        await journal.end_run(run, "interrupted", None, None, WALL)
    return path


def state_of(path: Path) -> tuple[Any, ...]:
    (row,) = ask(path, f"SELECT {COLUMNS} FROM state")
    return tuple(row)


def put(path: Path, row: tuple[Any, ...]) -> None:
    alter(path, f"UPDATE state SET ({COLUMNS}) = (?, ?, ?, ?, ?, ?)", *row)


async def vouched(path: Path, key: AuditKey = KEY) -> None:
    async with await Journal.open(path, key=key) as journal:
        await journal.vouch(RUN)


@pytest.mark.parametrize("venue", ["local", "live"])
@pytest.mark.parametrize("more", [0, 1])
async def test_the_state_of_another_journal_goes_on_nowhere(
    tmp_path: Path, venue: str, more: int
) -> None:
    """Whether it reaches as far as this one's rows do, or farther."""
    mine = await written(tmp_path / "mine", "n1", 1, venue=venue)
    other = await written(tmp_path / "other", "n2", 2, more=more, venue=venue)
    assert verify(mine, KEY) == verify(other, KEY) == []
    own = state_of(mine)
    assert (state_of(other)[2] == own[2]) is (not more)
    put(mine, state_of(other))
    assert [found.kind for found in verify(mine, KEY)] == ["state"]
    with pytest.raises(JournalError, match="without the key or for another journal"):
        await vouched(mine)
    put(mine, own)
    await vouched(mine)


async def test_a_state_from_a_copy_that_went_on_by_itself_is_anothers(tmp_path: Path) -> None:
    """Both have the same rows up to where they parted, and as many behind it."""
    mine = await written(tmp_path / "mine", "n1", 1)
    copy = tmp_path / "copy.db"
    copy.write_bytes(mine.read_bytes())
    for path, nonce, number in ((mine, "n2", 2), (copy, "n3", 3)):
        async with await Journal.open(path, key=KEY) as journal:
            await journal.resume_run(RUN, RunResumed(nonce), WALL)
            await journal.commit(Batch(RUN, WALL, effects=story(), state={"n": number}))
    put(mine, state_of(copy))
    with pytest.raises(JournalError, match="for another journal"):
        await vouched(mine)


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs begin as an older version began them."""
    monkeypatch.setattr(store, "RunBegun", lambda **values: RunBegun(**values | {"placed": False}))


@pytest.mark.usefixtures("older")
async def test_a_state_that_an_older_version_signed_is_taken_and_told(tmp_path: Path) -> None:
    path = await written(tmp_path / "mine", "n1", 1)
    assert loose_states(path, KEY) == []
    row = state_of(path)[:5]
    put(path, (*row, sign_state(KEY, row)))
    await vouched(path)
    assert verify(path, KEY) == []
    assert loose_states(path, KEY) == [RUN]
    async with await Journal.open(path, key=KEY) as journal:
        await journal.resume_run(RUN, RunResumed("n2"), WALL)
        await journal.commit(Batch(RUN, WALL, effects=story(), state={"n": 2}))
    assert (loose_states(path, KEY), verify(path, KEY)) == ([], [])


@pytest.mark.usefixtures("older")
async def test_another_key_signs_a_state_for_its_place(tmp_path: Path) -> None:
    path = await written(tmp_path / "mine", "n1", 1)
    row = state_of(path)[:5]
    put(path, (*row, sign_state(KEY, row)))
    rekey(path, KEY, NEW, WALL)
    assert (loose_states(path, NEW), verify(path, NEW)) == ([], [])
    await vouched(path, NEW)


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("venue", ["local", "live"])
async def test_what_an_older_version_signed_goes_on_nowhere_where_a_run_has_gone_on(
    tmp_path: Path, venue: str
) -> None:
    """Only from what a newer version went on from, as long as that has saved no state: it may have been killed before."""
    mine = await written(tmp_path / "mine", "n1", 1, venue=venue)
    other = await written(tmp_path / "other", "n2", 2, more=9, venue=venue)
    own, others = (row[:5] for row in (state_of(mine), state_of(other)))
    put(mine, (*own, sign_state(KEY, own)))
    for nonce in ("n8", "n9"):
        async with await Journal.open(mine, key=KEY) as journal:
            await journal.vouch(RUN)
            await journal.resume_run(RUN, RunResumed(nonce, after=own[1]), WALL)
    async with await Journal.open(mine, key=KEY) as journal:
        await journal.resume_run(RUN, RunResumed("n10", after=own[1]), WALL)
        await journal.commit(Batch(RUN, WALL, effects=story(), state={"n": 2}))
    await vouched(mine)
    put(mine, (*others, sign_state(KEY, others)))
    assert [found.kind for found in verify(mine, KEY)] == ["state"]
    with pytest.raises(JournalError, match="for another journal"):
        await vouched(mine)


async def test_a_run_that_began_with_signed_places_takes_no_other_state(tmp_path: Path) -> None:
    mine = await written(tmp_path / "mine", "n1", 1)
    own = state_of(mine)[:5]
    put(mine, (*own, sign_state(KEY, own)))
    with pytest.raises(JournalError, match="for another journal"):
        await vouched(mine)
    body = "replace(body, '\"placed\":true', '\"placed\":false')"
    alter(mine, f"UPDATE audit SET body = {body} WHERE kind = 'RunBegun'")
    with pytest.raises(JournalError, match="for another journal"):
        await vouched(mine)
