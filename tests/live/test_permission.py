"""The token of a check: ten minutes, one start, this configuration, strategy, account and stage. The clock is moved by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tradebot.app.permission import (
    TOKEN_FILE,
    TOKEN_MS,
    Terms,
    issue_token,
    redeem_token,
)
from tradebot.core.model.errors import RefusedError

TERMS = Terms("config", "strategy", "account")


class Watch:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic(self) -> float:
        return self.now_ms / 1000

    def sleep(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


@pytest.mark.parametrize("later", [0, 1, TOKEN_MS - 1])
def test_it_holds_for_ten_minutes_and_one_start(tmp_path: Path, later: int) -> None:
    watch = Watch()
    token = issue_token(tmp_path, TERMS, watch)
    watch.now_ms += later
    redeem_token(tmp_path, f" {token}\n", TERMS, watch)
    with pytest.raises(RefusedError, match="no token waits"):
        redeem_token(tmp_path, token, TERMS, watch)


@pytest.mark.parametrize("later", [TOKEN_MS, TOKEN_MS * 100, -1])
def test_an_expired_one_is_refused_and_used_up(tmp_path: Path, later: int) -> None:
    """One from the future too: the clock was set back meanwhile."""
    watch = Watch()
    token = issue_token(tmp_path, TERMS, watch)
    watch.now_ms += later
    with pytest.raises(RefusedError, match="has expired"):
        redeem_token(tmp_path, token, TERMS, watch)
    assert not (tmp_path / TOKEN_FILE).exists()


@pytest.mark.parametrize(
    "foreign",
    [{"config": "other"}, {"strategy": "other"}, {"account": "other"}, {"stage": 2}],
)
def test_one_for_something_else_is_refused(tmp_path: Path, foreign: dict[str, str]) -> None:
    watch = Watch()
    token = issue_token(tmp_path, replace(TERMS, **foreign), watch)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="for another start"):
        redeem_token(tmp_path, token, TERMS, watch)


def test_a_newer_check_takes_the_older_token_s_place(tmp_path: Path) -> None:
    watch = Watch()
    older, newer = issue_token(tmp_path, TERMS, watch), issue_token(tmp_path, TERMS, watch)
    with pytest.raises(RefusedError, match="not the token of the newest check"):
        redeem_token(tmp_path, older, TERMS, watch)
    redeem_token(tmp_path, newer, TERMS, watch)  # a guess has not used it up


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hash": 1}', "\x00", '{"hash":"a","terms":"b"}'])
def test_a_file_that_is_none_is_no_token(tmp_path: Path, text: str) -> None:
    (tmp_path / TOKEN_FILE).write_text(text)
    with pytest.raises(RefusedError, match="no token waits"):
        redeem_token(tmp_path, "123456789abc", TERMS, Watch())
