"""The envelope, the tables and the words of errors."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest

from tradebot.cli.output import ListShape, Result, envelope, fail, jsonable, show
from tradebot.core.model.errors import ConfigError, LeftoverError


class Colour(StrEnum):
    RED = "red"


def test_values_of_the_envelope() -> None:
    assert jsonable(Decimal("1E+2")) == "100"
    assert jsonable(Decimal("0.0500")) == "0.0500"
    assert jsonable(Decimal("NaN")) is None
    assert jsonable(float("inf")) is None
    assert jsonable({"a": (1, Colour.RED, Path("x"), None, True)}) == {
        "a": [1, "red", "x", None, True]
    }


def test_the_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    result = Result("trades", {"trades": [{"pnl": Decimal("1.50")}]}, ["late"])
    assert show(result, as_json=True) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "version": 1,
        "command": "trades",
        "ok": True,
        "data": {"trades": [{"pnl": "1.50"}]},
        "warnings": ["late"],
        "error": None,
    }


def test_the_envelope_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("is wrong", hint="mend it", file="bot.toml", line=3, key="a.b")
    assert fail("config check", error, as_json=True) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert document["data"] is None
    assert document["error"] == {
        "kind": "config",
        "message": "is wrong",
        "hint": "mend it",
        "file": "bot.toml",
        "line": 3,
        "key": "a.b",
    }


def test_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("is wrong", hint="mend it", file="bot.toml", line=3, key="a.b")
    assert fail("config check", error, as_json=False) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: bot.toml:3: a.b: is wrong\nhint: mend it\n"


def test_a_failure_may_carry_data(capsys: pytest.CaptureFixture[str]) -> None:
    left = Result("close-all", {"left": ["BTC/USDT"]}, error=LeftoverError("1 position is left"))
    assert show(left, as_json=True) == 6
    document = json.loads(capsys.readouterr().out)
    assert document["data"] == {"left": ["BTC/USDT"]}
    assert document["error"]["kind"] == "leftover"
    assert document["ok"] is False
    assert show(left, as_json=False) == 6
    out, err = capsys.readouterr()
    assert "BTC/USDT" in out
    assert "1 position is left" in err


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"symbol": "BTC/USDT", "pnl_pct": Decimal("1.5"), "stop": None, "open": True},
        {"symbol": "[red]ETH", "pnl_pct": Decimal("-12.25"), "stop": "99", "hidden": 1},
    ]
    view = ListShape(("symbol", "pnl_pct", "stop", "open"), title="Positions")
    result = Result("positions", {"run": "paper-0001", "positions": rows}, ["w"])
    shaped = Result(result.command, result.data, result.warnings, views={"positions": view})
    assert show(shaped, as_json=False) == 0
    out, err = capsys.readouterr()
    assert err == "warning: w\n"
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert ["run", "paper-0001"] in lines
    assert ["symbol", "pnl", "%", "stop", "open"] in lines
    assert ["BTC/USDT", "1.5", "-", "yes"] in lines
    assert ["[red]ETH", "-12.25", "99", "-"] in lines
    assert "hidden" not in out


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    view = ListShape(empty="no trades yet")
    show(Result("trades", {"trades": []}, views={"trades": view}), as_json=False)
    assert capsys.readouterr().out.strip() == "no trades yet"


def test_text_replaces_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show(Result("x", {"a": 1}, text="[bold]as it is"), as_json=False)
    assert capsys.readouterr().out == "[bold]as it is\n"


def test_mappings_and_odd_values(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"summary": {"fees": 0.125, "tags": ["a", "b"], "more": {"x": 1}, "none": []}}
    show(Result("x", data), as_json=False)
    words = capsys.readouterr().out.split()
    assert words == ["fees", "0.125", "tags", "a,", "b", "more", "x=1", "none", "-"]


NESTED = {
    "summary": {"equity": Decimal("1.50"), "text": "a\u202eb", "empty": {}, "none": []},
    "trades": [{"pnl": Decimal("1.50"), "tags": ["x", ("y",)]}, {"pnl": None}],
    "path": Path("/tmp/x"),
    "colour": Colour.RED,
    "nothing": [],
    "deep": {"a": {"b": [{"c": float("nan")}]}},
}


@pytest.mark.parametrize("data", [NESTED, {}, {"a": {}}], ids=["nested", "empty", "empty part"])
def test_a_document_in_pieces_is_the_document(
    data: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    show(Result("trades", data, ["late"]), as_json=True)
    out = capsys.readouterr().out
    assert json.loads(out) == envelope("trades", data, ["late"])
    assert (
        out.replace("\\u202e", "\u202e")
        == json.dumps(envelope("trades", data, ["late"]), ensure_ascii=False) + "\n"
    )
