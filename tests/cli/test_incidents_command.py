"""``incidents`` as a user meets it: the list, closing one without an engine, and what it refuses in one line."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits.journal_samples import WALL, new_run

from tradebot.__main__ import main
from tradebot.app.incidents import incidents_in, record_traces
from tradebot.app.recording import put_on_record
from tradebot.guard.diary import BROKEN_OFF, Diary
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import IncidentOpened, SignedOff
from tradebot.journal.rows import Batch
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal

WORDS = "The address was banned by another program of mine; it is off for good."
OTHER = "another key that signs no journal of this place"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose journal has a live run with two incidents."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", "a key of this test's own, long enough")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data" / "tradebot.db"
    path.parent.mkdir()

    async def fill_in() -> None:
        async with await Journal.open(path, key=AuditKey.load(path.parent)) as journal:
            run = await journal.begin_run(new_run("n1", mode="live", venue="live"))
            rows: list[Any] = [
                (WALL, IncidentOpened(1, "ban", "the exchange has banned this address", WALL)),
                (WALL, IncidentOpened(2, "cent", "the venue's wallet is 10", WALL + 1)),
            ]
            await journal.commit(Batch(run, WALL, facts=rows))

    asyncio.run(fill_in())
    return path.parent


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([*map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def close(capsys: pytest.CaptureFixture[str], data: Path, *words: object) -> tuple[int, str, str]:
    return call(capsys, "incidents", "close", *words, "--data-dir", data)


def listed(capsys: pytest.CaptureFixture[str], data: Path) -> list[dict[str, Any]]:
    code, out, _ = call(capsys, "incidents", "--data-dir", data, "--json")
    answer = json.loads(out)
    assert (code, answer["command"], answer["warnings"]) == (0, "incidents", [])
    return list(answer["data"]["incidents"])


def test_one_is_closed_on_record_and_the_other_stays(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = close(capsys, data, 1, "--text", WORDS, "--name", "Ada")
    assert (code, out, err) == (0, "incident 1 is closed, by Ada\n", "")
    first, second = listed(capsys, data)
    assert (first["state"], first["closed_by"], first["closing_text"]) == ("closed", "Ada", WORDS)
    assert (second["id"], second["run"], second["what"]) == (2, "live-0001", "cent")
    assert (second["state"], second["closed"], second["closed_by"]) == ("open", None, None)
    assert verify(data / "tradebot.db", AuditKey.load(data)) == []
    _, text, _ = call(capsys, "incidents", "--data-dir", data)
    assert text.index("OPEN") < text.index("closed")
    assert "Ada, " in text
    assert "tradebot incidents close ID --text TEXT" in text


def test_the_name_is_the_user_s_where_none_is_given(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "sarah")
    assert close(capsys, data, 2, "--text", WORDS)[0] == 0
    assert listed(capsys, data)[1]["closed_by"] == "sarah"


BAD: list[tuple[tuple[object, ...], int, str]] = [
    ((3, "--text", WORDS, "--name", "Ada"), 2, "there is no incident 3"),
    (
        (1, "--text", "short", "--name", "Ada"),
        2,
        "--text: the text has 5 characters: 40 to 2000 are needed",
    ),
    ((1, "--name", "Ada"), 2, "--text: the text has 0 characters"),
    ((1, "--text", WORDS, "--name", " "), 2, "--name: who closes it is not said"),
    (("one", "--text", WORDS), 2, "invalid value for 'ID'"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD)
def test_what_will_not_do_is_one_line_and_closes_nothing(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    code: int,
    said: str,
) -> None:
    found, out, err = close(capsys, data, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert all(row["state"] == "open" for row in listed(capsys, data))


def test_closed_already_another_key_a_busy_journal_and_none(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("--text", WORDS, "--name", "Bob")
    assert close(capsys, data, 1, *words)[0] == 0
    code, _, err = close(capsys, data, 1, *words)
    assert (code, "incident 1 was closed already, by Bob" in err) == (4, True)
    with InstanceLock(data, "signoff"):  # no engine: nobody would answer a command
        code, _, err = close(capsys, data, 2, *words)
        assert code in (4, 5), err
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", OTHER)
    code, out, err = close(capsys, data, 2, *words)
    assert (code, out) == (1, "")
    assert "key" in err
    assert "Traceback" not in err
    code, out, err = call(capsys, "incidents", "--data-dir", data, "--json")
    assert "does not verify: another key has written it" in json.loads(out)["warnings"][0]
    assert len(json.loads(out)["data"]["incidents"]) == 2
    code, _, err = close(capsys, tmp_path / "none", 2, *words)
    assert (code, "there is no journal yet" in err) == (1, True)


def test_what_a_close_all_left_is_on_record_without_an_engine(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_traces(data, []) == []
    Diary([data]).put("result", code=6, left=[{"symbol": "ETH/USDT", "what": "position"}])
    (row,) = record_traces(data, [])
    assert (row.id, row.what) == (3, "close_all")
    assert record_traces(data, []) == []
    assert listed(capsys, data)[2]["run"] is None


def test_a_close_all_that_was_broken_off_is_one_too(data: Path) -> None:
    Diary([data]).put("result", code=BROKEN_OFF, why="XRP/USDT position was open")
    Diary([data]).put("result", code=0, left=[])
    (row,) = record_traces(data, [])
    assert row.text == "a close-all was broken off: XRP/USDT position was open"


def test_looking_writes_nothing_and_takes_no_lock(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A supervisor's start in that moment would end for good: another instance runs."""
    Diary([data]).put("result", code=6, left=[{"symbol": "ETH/USDT", "what": "position"}])
    path = data / "tradebot.db"
    with InstanceLock(data, "somebody else"):
        assert [row["id"] for row in listed(capsys, data)] == [1, 2, 3]
    assert listed(capsys, data)[2]["what"] == "close_all"
    call(capsys, "live", "--check", "--strategy", "breakout", "--data-dir", data)
    assert len(incidents_in(path).known) == 2
    assert close(capsys, data, 3, "--text", WORDS, "--name", "Ada")[0] == 0
    assert [one.is_open for one in incidents_in(path).known] == [True, True, False]


def test_a_start_puts_it_on_record(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Diary([data]).put("result", code=6, left=[{"symbol": "ETH/USDT", "what": "position"}])
    call(capsys, "live", "--strategy", "breakout", "--data-dir", data)
    assert len(incidents_in(data / "tradebot.db").known) == 3


def test_without_the_key_they_are_listed_all_the_same(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "No incident is on record" would be another word."""
    monkeypatch.delenv("TRADEBOT_AUDIT_KEY")
    code, out, err = call(capsys, "incidents", "--data-dir", data)
    assert (code, out.count("OPEN")) == (0, 2)
    assert "the journal does not verify: the key that it was written with is gone" in err


def test_a_journal_that_cannot_be_read_is_no_journal_without_incidents(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "tradebot.db"
    path.write_bytes(path.read_bytes()[:6000])
    code, out, err = call(capsys, "incidents", "--data-dir", data)
    assert (code, out) == (1, "")
    assert "hint: " in err


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_row_hides_no_other_incident(
    data: Path, capsys: pytest.CaptureFixture[str], damaged: int
) -> None:
    """Where nothing else is left of them, none is on record would be another word."""
    with closing(sqlite3.connect(data / "tradebot.db")) as db, db:
        db.execute(
            "UPDATE audit SET body = '{}' WHERE seq IN"
            " (SELECT seq FROM audit WHERE kind = 'IncidentOpened' ORDER BY seq DESC LIMIT ?)",
            (damaged,),
        )
    code, out, err = call(capsys, "incidents", "--data-dir", data)
    assert (code, out.count("OPEN")) == ((0, 1) if damaged == 1 else (1, 0))
    assert ("does not verify" if damaged == 1 else "cannot be read") in err
    shown = json.loads(call(capsys, "status", "--data-dir", data, "--json")[1])["data"]
    assert len(shown["incidents"]) == 2 - damaged


def test_a_closed_one_is_answered_under_the_name_of_the_command(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (1, "--text", WORDS, "--name", "Ada", "--json")
    for code, ok in ((0, True), (4, False)):
        found, out, _ = close(capsys, data, *words)
        answer = json.loads(out)
        assert (found, answer["command"], answer["ok"]) == (code, "incidents close", ok)


def test_what_only_a_file_tells_of_yet_is_an_incident_for_status_too(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It voids what was signed: the next engine, or who closes it, puts it on record."""

    def status() -> dict[str, Any]:
        return dict(json.loads(call(capsys, "status", "--data-dir", data, "--json")[1])["data"])

    sign = SignedOff(*("Ada", "owner", "words", (), "hash", "config", "{}", "50", 1, "", "", "key"))
    put_on_record(data, lambda _: [sign], "a test")
    before = status()
    assert (len(before["incidents"]), before["signoff"]["signers"]) == (2, ["Ada"])
    Diary([data]).put("result", code=6, left=[{"symbol": "ETH/USDT", "what": "position"}])
    found = status()
    assert found["incidents"][2:] == ["3 close_all: a close-all left something: ETH/USDT position"]
    assert found["signoff"] == {"signers": [], "needed": 2, "days_left": None}
    text = call(capsys, "status", "--data-dir", data)[1]
    assert "INCIDENT     3 close_all" in text
