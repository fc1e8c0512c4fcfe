"""Where the audit key comes from, and that it stays a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import AuditKey, chain

ENV = {"TRADEBOT_AUDIT_KEY": "correct horse battery staple"}


class MemoryKeyring(KeyringBackend):
    """A keyring that works."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class ForgetfulKeyring(MemoryKeyring):
    """One that takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return


class BrokenKeyring(MemoryKeyring):
    """One whose daemon is not there."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("no bus")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError("no bus")


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def test_the_environment_comes_first(tmp_path: Path) -> None:
    AuditKey.load(tmp_path, {})
    key = AuditKey.load(tmp_path, ENV)
    assert key.source == "environment"
    assert key.strength.startswith("strong")
    assert key == AuditKey.load(tmp_path / "elsewhere", ENV)
    assert not (tmp_path / "elsewhere").exists()


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="3 characters") as caught:
        AuditKey.load(tmp_path, {"TRADEBOT_AUDIT_KEY": "abc"})
    assert caught.value.key == "TRADEBOT_AUDIT_KEY"


def test_without_a_keyring_it_is_a_file(tmp_path: Path) -> None:
    assert AuditKey.find(tmp_path, {}) is None
    key = AuditKey.load(tmp_path / "data", {})
    path = tmp_path / "data" / "audit.key"
    assert key.source == "file"
    assert key.strength.startswith("weak")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert AuditKey.load(tmp_path / "data", {}) == key == AuditKey.find(tmp_path / "data", {})


@pytest.mark.parametrize("backend", [ForgetfulKeyring, BrokenKeyring])
def test_a_keyring_that_does_not_work_is_none(tmp_path: Path, backend: type[MemoryKeyring]) -> None:
    keyring.set_keyring(backend())
    assert AuditKey.load(tmp_path, {}).source == "file"


def test_a_keyring_that_works(tmp_path: Path) -> None:
    keyring.set_keyring(MemoryKeyring())
    key = AuditKey.load(tmp_path, {})
    assert key.source == "keyring"
    assert list(tmp_path.iterdir()) == []
    assert AuditKey.load(tmp_path, {}) == key
    (tmp_path / "audit.key").write_text("ab" * 32)
    assert AuditKey.load(tmp_path, {}).source == "file"


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tradebot.db").write_bytes(b"x")
    with pytest.raises(JournalError, match="not the audit key it was written with"):
        AuditKey.load(tmp_path, {})
    assert [file.name for file in tmp_path.iterdir()] == ["tradebot.db"]


def test_a_damaged_key(tmp_path: Path) -> None:
    (tmp_path / "audit.key").write_text("zz")
    with pytest.raises(JournalError, match="damaged") as caught:
        AuditKey.load(tmp_path, {})
    assert caught.value.file == str(tmp_path / "audit.key")
    backend = MemoryKeyring()
    backend.kept["tradebot", "audit-key"] = "00"
    keyring.set_keyring(backend)
    with pytest.raises(JournalError, match="damaged"):
        AuditKey.find(tmp_path / "elsewhere", {})


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot use the file"):
        AuditKey.load(tmp_path / "file" / "data", {})


def test_the_secret_does_not_show() -> None:
    key = AuditKey(b"s3cret" * 6, "file")
    assert "s3cret" not in repr(key)
    assert key.secret.hex() not in repr(key) + key.fingerprint
    assert len(key.fingerprint) == 16


def test_signatures_depend_on_everything() -> None:
    key = AuditKey(b"k" * 32, "file")
    row = (1, "r", 2, 3, "k", "b")
    variants = {
        chain(key, row, "p"),
        chain(key, row, "q"),
        chain(AuditKey(b"j" * 32, "file"), row, "p"),
        *(chain(key, (*row[:i], 9, *row[i + 1 :]), "p") for i in range(6)),  # type: ignore[arg-type]
        chain(key, (1, "r", 2, 3, "kb", ""), "p"),
    }
    assert len(variants) == 10


# -- a file that the environment names ----------------------------------------------------------------


def named(file: Path, **more: str) -> dict[str, str]:
    return {"TRADEBOT_AUDIT_KEY_FILE": str(file), **more}


def key_file(folder: Path, text: str = "correct horse battery staple\n", mode: int = 0o600) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "chain.key"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_file_holds_what_the_variable_would(tmp_path: Path) -> None:
    data_dir, file = tmp_path / "data", key_file(tmp_path / "keys")
    key = AuditKey.find(data_dir, named(file))
    assert key is not None
    assert (key.source, key.is_weak) == ("key file", False)
    assert key == AuditKey(AuditKey.load(data_dir, ENV).secret, "key file")
    assert "strong" in key.strength


def test_a_file_beside_the_journal_is_weak_whoever_names_it(tmp_path: Path) -> None:
    key = AuditKey.find(tmp_path, named(key_file(tmp_path / "sub")))
    assert key is not None
    assert key.is_weak
    (tmp_path / "away").symlink_to(tmp_path / "sub")
    linked = AuditKey.find(tmp_path / "sub", named(tmp_path / "away" / "chain.key"))
    assert linked is not None
    assert linked.is_weak


def test_what_cannot_be_taken_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    data_dir, file = tmp_path / "data", key_file(tmp_path / "keys", mode=0o640)
    cases = {
        "others may read it (mode 0640)": named(file),
        "is no regular file": named(tmp_path),
        "cannot be read": named(tmp_path / "not there"),
        "given twice": named(file, **ENV),
        "has 3 characters": named(key_file(tmp_path / "short", "abc\n")),
    }
    for words, env in cases.items():
        with pytest.raises(JournalError, match=re.escape(words)) as caught:
            AuditKey.find(data_dir, env)
        assert caught.value.hint
        assert "TRADEBOT_AUDIT_KEY_FILE" in (caught.value.key or "")
    credential = AuditKey.find(data_dir, named(file, CREDENTIALS_DIRECTORY=str(file.parent)))
    assert credential is not None  # systemd gives it a mode of its own there
