"""Files that are written: whole or not at all, through links, and never in the place of what is no file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.disk import check_target, replace_durably, replacing, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_and_one_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_text(path, "one\n")
    path.chmod(0o640)
    write_text(path, "two \udce9\n")
    assert path.read_bytes() == b"two \\udce9\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["page.html"]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "dangling").symlink_to("made")
    write_text(tmp_path / "link", "new")
    write_text(tmp_path / "dangling", "made")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "new"
    assert (tmp_path / "made").read_text() == "made"
    assert names(tmp_path) == ["dangling", "link", "made", "there"]


@pytest.mark.parametrize("kind", ["pipe", "socket", "directory"])
def test_what_is_no_file_stays_what_it_is(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as sock:
        if kind == "pipe":
            os.mkfifo("there")
        elif kind == "socket":
            sock.bind("there")
        else:
            Path("there").mkdir()
        Path("link").symlink_to("there")
        before = os.lstat("there")
        for name in ("there", "link"):
            with pytest.raises(UsageError, match=f"is a {kind}, not a file: it was left as it is"):
                write_text(Path(name), "x")
        assert os.lstat("there")[:2] == before[:2]
        assert names(tmp_path) == ["link", "there"]


def half(path: Path) -> None:
    with replacing(path) as draft:
        draft.write_text("half")
        raise OSError(28, "No space left on device")


def test_what_fails_on_the_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with pytest.raises(TradebotError, match="cannot be written: No space left"):
        half(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["rows.csv"]
    with pytest.raises(UsageError, match="a directory that does not exist"):
        check_target(tmp_path / "none" / "x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(TradebotError):
        write_text(tmp_path / "loop", "x")
    with pytest.raises(TradebotError, match="cannot be written"):
        write_text(tmp_path / "a\0b", "x")
    assert names(tmp_path) == ["loop", "rows.csv"]


KILLED = """
import os, signal, sys
from pathlib import Path
from tradebot.disk import replacing
with replacing(Path(sys.argv[1])) as draft:
    draft.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_draft_of_a_killed_process_goes_with_the_next_writing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for aged in (True, False):
        done = subprocess.run([sys.executable, "-c", KILLED, str(page)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert not page.exists()
        if aged:
            (draft,) = tmp_path.iterdir()
            os.utime(draft, (1, 1))
    others = ("page.html.1.new", "page.html.new", "page.html.x.new", "other.html.99999999.new")
    for name in others:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    write_text(page, "whole")
    young = [name for name in names(tmp_path) if name not in (*others, "page.html")]
    assert len(young) == 1  # not a minute old: another machine may be writing it
    assert page.read_text() == "whole"
    os.utime(tmp_path / young[0], (1, 1))
    replace_durably(page, "again")
    assert names(tmp_path) == sorted((*others, "page.html"))
