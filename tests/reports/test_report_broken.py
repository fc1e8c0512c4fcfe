"""A journal that is broken is said to be, in a line: no traceback, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tradebot.__main__ import main
from tradebot.journal import schema

SCHEMA_4 = Path(__file__).parents[1] / "journal" / "schema-4.db.gz"
MANY = 200
"""Broken journals, besides two hundred broken benchmarks elsewhere."""


def journal(folder: Path) -> Path:
    """An old run's journal, brought up to date as a start would."""
    path = folder / "data" / "tradebot.db"
    path.parent.mkdir()
    path.write_bytes(gzip.decompress(SCHEMA_4.read_bytes()))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, path)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    return journal(tmp_path)


def report(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    code = main(["report", "--html", "r.html", "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    document: dict[str, object] = json.loads(out)
    assert document["ok"] is (code == 0)
    return code, document


def test_an_old_journal_s_report_has_dashes_where_nothing_is_known(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = report(capsys)
    assert code == 0
    told = document["data"]["report"]  # type: ignore[index]
    assert told["head"]["trades"] == 7
    assert told["bridge"]["unpriced"] == 7
    assert told["bridge"]["slippage"] == "0"
    assert '<dt>Slippage</dt><dd class="">-</dd>' in Path("r.html").read_text()
    assert any("of 7 trades it is not known" in note for note in told["notes"])
    assert told["r_multiples"] == []
    assert "MAE" not in Path("r.html").read_text().split("Trades (7)")[0]


def test_broken_journals(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every one is read or refused in a line; where a page was there before, it is the old one or the new one, whole."""
    whole = path.read_bytes()
    draw = random.Random(11)
    said = []
    for i in range(MANY):
        raw = bytearray(whole)
        for _ in range(draw.randrange(1, 40)):
            place = draw.randrange(len(raw))
            raw[place : place + 8] = draw.randbytes(8)
        path.write_bytes(bytes(raw[: draw.randrange(len(raw))]) if i % 5 == 0 else bytes(raw))
        page = Path("r.html")
        old = "<p>old</p></html>" if i % 2 else None
        page.unlink(missing_ok=True)
        if old is not None:
            page.write_text(old)
        code, _ = report(capsys)
        if code:
            assert (page.read_text() if page.exists() else None) == old
        else:
            assert page.read_text().endswith("</html>")
            assert page.read_text() != old
        said.append(code)
    assert set(said) <= {0, 1, 2}
    assert said.count(1) > MANY // 4
    assert {p.name for p in Path().iterdir()} <= {"data", "r.html"}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("UPDATE trades SET pnl = 'many'", 1),
        ("UPDATE trades SET mae = 'x' WHERE id = 3", 1),
        ("UPDATE equity SET equity = 'NaN' WHERE seq > 20", 1),
        ("UPDATE equity SET ts = 'noon'", 1),
        ("UPDATE signals SET refusals = '{'", 1),
        ("UPDATE runs SET config = 'not JSON'", 0),
        ("UPDATE runs SET summary = NULL", 0),
        ("DELETE FROM signals", 0),
        ("DELETE FROM trades", 0),
        ("DELETE FROM equity", 1),
        ("DELETE FROM runs", 1),
        ("UPDATE trades SET risk = '0', slippage = '-1'", 0),
    ],
)
def test_rows_that_make_no_sense(
    path: Path, capsys: pytest.CaptureFixture[str], sql: str, code: int
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(sql)
    found, document = report(capsys)
    assert found == code, document["error"]
    assert Path("r.html").exists() is (code == 0)


def test_a_text_that_is_none_is_not_quoted(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite's own words have all of the text in them, and no way out."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE runs SET summary = CAST(x'7b22ff22' AS TEXT)")
    code, document = report(capsys)
    error = document["error"]
    assert code == 1
    assert isinstance(error, dict)
    assert error["message"] == "the database is corrupt (text in it is no UTF-8)"
    assert "restore it from a backup" in error["hint"]
