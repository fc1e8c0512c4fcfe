"""Paper beside an account: what is known to stand and was not closed is no success, whatever the account shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradebot.app import control
from tradebot.app.closed import Closed
from tradebot.app.target import ExchangeAccount, Request
from tradebot.cli.close_all_command import _answer
from tradebot.core.model.errors import JournalError, LeftoverError

FLAT = Closed([], "the account was read", proof={"reads": 2})


def closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands: bool | Exception, named: bool = False
) -> Closed:
    def stand(_: Path) -> bool:
        if isinstance(stands, Exception):
            raise stands
        return stands

    def fail(*_: object) -> Closed:
        raise LeftoverError("its engine hangs and cannot be ended")

    monkeypatch.setattr(control, "never_used", lambda _: False)
    monkeypatch.setattr(control, "simulated_stand", stand)
    monkeypatch.setattr(control, "_close", fail)
    request = Request("close-all", "me", "", ExchangeAccount("demo", named=named))
    return control._joined([FLAT, *control._paper_beside(tmp_path, request, 1.0, lambda _: None)])


def test_paper_that_could_not_be_closed_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = _answer(closed(tmp_path, monkeypatch, stands=True), ())
    assert result.exit_code == 6
    assert result.data["closed"] is False
    assert "paper beside it was not closed: its engine hangs" in str(result.error)


@pytest.mark.parametrize(
    ("stands", "named", "said"),
    [
        (False, False, "the account was read"),
        (True, True, "the account was read"),
        (JournalError("it is no database"), False, "cannot be told: it is no database"),
    ],
)
def test_an_account_needs_no_word_on_paper(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stands: bool | Exception,
    named: bool,
    said: str,
) -> None:
    """Nothing of it stands, it was not meant, or nobody can say: an account needs no journal."""
    result = _answer(closed(tmp_path, monkeypatch, stands, named), ())
    assert result.exit_code == 0
    assert said in result.data["how"]
