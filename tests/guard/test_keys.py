"""Keys to an account: environment, files, keyring; what is wrong is said by name, the key itself never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.guard.keys import LONGEST, checked, find_key, remove_key, store_key
from tradebot.wire.api_key import ApiKey

KEY, SECRET = "K" * 60 + "abcd", "S" * 60 + "wxyz"
NAME, OTHER = "TRADEBOT_BINANCE_KEY", "TRADEBOT_BINANCE_SECRET"


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring that works."""
    import keyring
    from kits.file_keyring import FileKeyring

    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "ring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield tmp_path / "ring.json"
    keyring.set_keyring(before)


def private(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_the_environment_gives_it() -> None:
    found = find_key("live", {NAME: f" {KEY}\n", OTHER: SECRET})
    assert found is not None
    assert (found.api_key, found.source) == (ApiKey(KEY, SECRET), "the environment")
    assert found.api_key.last == "abcd"


def test_demo_and_live_are_two(tmp_path: Path) -> None:
    env = {"TRADEBOT_BINANCE_DEMO_KEY": KEY, "TRADEBOT_BINANCE_DEMO_SECRET": SECRET}
    assert find_key("live", env) is None
    assert find_key("demo", env) is not None


def test_files_give_it_to_their_owner_alone(tmp_path: Path) -> None:
    key = private(tmp_path / "key", KEY + "\n")
    env = {f"{NAME}_FILE": key, f"{OTHER}_FILE": private(tmp_path / "secret", SECRET)}
    found = find_key("live", env)
    assert found is not None
    assert (found.api_key, found.source) == (ApiKey(KEY, SECRET), "files")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(UsageError, match="others may read it") as refused:
        find_key("live", env)
    assert refused.value.hint == f"chmod 600 {key}"


def test_a_credential_of_systemd_has_its_own_mode(tmp_path: Path) -> None:
    place = tmp_path / "credentials"
    place.mkdir()
    files = {
        f"{NAME}_FILE": private(place / "key", KEY, 0o440),
        f"{OTHER}_FILE": private(place / "secret", SECRET, 0o440),
    }
    with pytest.raises(UsageError, match="others may read it"):
        find_key("live", files)
    assert find_key("live", {**files, "CREDENTIALS_DIRECTORY": str(place)}) is not None


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({NAME: KEY}, f"{OTHER}: half a key"),
        ({OTHER: SECRET}, f"{NAME}: half a key"),
        ({NAME: "", OTHER: SECRET}, f"{NAME}: is empty"),
        ({NAME: KEY, f"{NAME}_FILE": "x", OTHER: SECRET}, "is given twice"),
        ({NAME: "two words", OTHER: SECRET}, f"{NAME}: can be no key"),
        ({NAME: KEY, OTHER: "S" * (LONGEST + 1)}, f"{OTHER}: can be no key"),
        ({f"{NAME}_FILE": "/nonexistent/x", OTHER: SECRET}, "cannot be read: No such file"),
        ({f"{NAME}_FILE": "/", OTHER: SECRET}, "is no regular file"),
        ({f"{NAME}_FILE": "a\0b", OTHER: SECRET}, "this can be no file's name"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(env: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        find_key("live", env)
    for secret in (KEY, SECRET):
        assert secret not in str(refused.value)
        assert secret not in (refused.value.hint or "")


@given(st.text(max_size=300))
def test_a_text_is_taken_or_refused_without_being_repeated(text: str) -> None:
    try:
        taken = checked(text, "it")
    except UsageError as error:
        said = f"{error} {error.hint}"
    else:
        said = ""
        assert taken == text.strip()
        assert taken.isascii()
    assert len(text.strip()) < 8 or text.strip() not in said


def test_neither_half_is_ever_shown() -> None:
    api_key = ApiKey(KEY, SECRET)
    assert KEY not in f"{api_key!r} {api_key}"
    assert SECRET not in f"{api_key!r} {api_key}"
    assert api_key.fingerprint != ApiKey(KEY[:-1] + "e", SECRET).fingerprint


def test_without_a_keyring_there_is_none_and_none_can_be_kept() -> None:
    assert find_key("live", {}) is None
    assert not remove_key("live")
    with pytest.raises(TradebotError, match="nothing was stored") as refused:
        store_key("demo", ApiKey(KEY, SECRET))
    assert "TRADEBOT_BINANCE_DEMO_KEY_FILE" in (refused.value.hint or "")


def test_the_keyring_keeps_it(ring: Path) -> None:
    store_key("demo", ApiKey(KEY, SECRET))
    assert find_key("live", {}) is None
    found = find_key("demo", {})
    assert found is not None
    assert (found.api_key, found.source) == (ApiKey(KEY, SECRET), "the OS keyring")
    assert remove_key("demo")
    assert find_key("demo", {}) is None
    assert not remove_key("demo")


def test_a_keyring_that_fails_repeats_nothing(ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEYRING_FAILS", "1")
    with pytest.raises(TradebotError) as refused:
        store_key("live", ApiKey(KEY, SECRET))
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    assert refused.value.__context__ is None or SECRET not in str(refused.value.__context__)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", '{"key": 1}', '{"key": "a b", "secret": "c"}']
)
def test_a_damaged_entry_is_told(ring: Path, text: str) -> None:
    import keyring

    keyring.set_password("tradebot binance", "live", text)
    with pytest.raises(TradebotError, match="damaged"):
        find_key("live", {})
