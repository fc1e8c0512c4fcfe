"""Files: which may be read, and how every one is written so that nobody ever sees half of it.

Only regular files are read and written. A pipe, a device or a socket under a file's name is refused by its kind:
reading one may never end, and a rename would put a file in its place. What is written is on the disk before its
name appears, so it survives a kill and a power cut; files of our own nobody else may read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tradebot.core.model.errors import JournalError, TradebotError, UsageError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700

ABANDONED_S = 60
"""Seconds after which a draft whose process is gone is nobody's: on a shared disk another machine may have such a number."""

OURS = (
    *("tradebot.", "HALT", "instance", "audit.", "close-all.jsonl", "engine.log", "reports"),
    "alerts.",
)
"""How names begin that a data directory of ours may hold: with others in it, its mode is theirs."""

_KINDS = (
    (stat.S_ISDIR, "a directory", "name a file in it"),
    (stat.S_ISFIFO, "a pipe", "write it into a file first"),
    (stat.S_ISSOCK, "a socket", "name a file"),
    (stat.S_ISCHR, "a character device", "name a file"),
    (stat.S_ISBLK, "a block device", "name a file"),
)


def kind_of(path: Path) -> tuple[str, str] | None:
    """Return what is under the name if it is no regular file, and what to do; None if it is one.

    Links are followed. OSError when nothing is there or it cannot be looked at; ValueError for a name that
    can be none.
    """
    mode = path.stat().st_mode
    return next(((name, hint) for is_kind, name, hint in _KINDS if is_kind(mode)), None)


# Files of the user's


def check_target(path: Path) -> Path:
    """Return where a file of this name will be, links followed.

    UsageError if something is there that is no regular file, or there is no such directory; TradebotError if it
    cannot be looked at.
    """
    try:
        target = Path(os.path.realpath(path))
        if os.path.lexists(target):
            kind = kind_of(target)
            if kind is not None:
                what, _ = kind
                raise UsageError(
                    f"is {what}, not a file: it was left as it is",
                    hint="name another file",
                    file=str(path),
                )
        elif not target.parent.is_dir():
            raise UsageError(
                "lies in a directory that does not exist",
                hint=f"make {target.parent} first",
                file=str(path),
            )
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    return target


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Yield a draft that takes the place of ``path``, whole and on disk, when the block ends well.

    Links are followed: the file they lead to is the one replaced. It gets ``mode``; None: the permissions of
    the one that was there. Errors as ``check_target``, and TradebotError when it cannot be written; whatever
    was there stays then.
    """
    target = check_target(path)
    draft = _draft_of(target)
    try:
        draft.unlink(missing_ok=True)
        yield draft
        with suppress(FileNotFoundError):
            draft.chmod(stat.S_IMODE(target.stat().st_mode) if mode is None else mode)
        _sync(draft)
        _sweep(target, draft)
        check_target(target)  # what came there meanwhile may be no file
        os.replace(draft, target)
        sync_directory(target.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all; errors as ``replacing``."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")


# Files of our own


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn the block's OSError into a JournalError that names the file."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot use the file: {error.strerror or error}",
            hint="check that the directory exists and that you may write to it",
            file=str(path),
        ) from error


def private_directory(path: Path) -> None:
    """Make a directory, and what is missing above it, for its owner alone whatever the umask.

    One that is there is closed to others where it is the user's and holds nothing but our files.
    """
    for missing in reversed([part for part in (path, *path.parents) if not part.exists()]):
        with suppress(FileExistsError):
            missing.mkdir(mode=DIRECTORY_MODE)
    if _is_ours(path):
        with suppress(OSError):
            path.chmod(DIRECTORY_MODE)


def private_file(path: Path, *, make: bool = False) -> None:
    """Close a file to others; with ``make``, make an empty one first where there is none.

    Nothing happens where it is not there, or is not the user's. OSError when it cannot be made.
    """
    if make:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    with suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != FILE_MODE:
            path.chmod(FILE_MODE)


def create_durably(path: Path, text: str) -> None:
    """Create a file with its text complete and on disk; FileExistsError if it exists."""
    with _private_draft(path, text) as draft:
        os.link(draft, path)  # unlike a rename, never replaces
    sync_directory(path.parent)


def replace_durably(path: Path, text: str) -> None:
    """Give a file this text, whole or not at all, on disk when it returns."""
    with _private_draft(path, text) as draft:
        os.replace(draft, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to disk, where the system lets one open a directory."""
    if hasattr(os, "O_DIRECTORY"):
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _private_draft(path: Path, text: str) -> Iterator[Path]:
    draft = _draft_of(path)
    draft.unlink(missing_ok=True)
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _sweep(path, draft)
        yield draft
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    """Return a name beside the file for what is not whole yet, short enough for any file system."""
    return path.with_name(f"{path.name[:50]}.{os.getpid()}.new")


def _sweep(path: Path, own: Path) -> None:
    """Remove the drafts of this file whose process was killed over them, and that are a minute older than our own."""
    begin, end = f"{path.name[:50]}.", ".new"
    with suppress(OSError):
        written = own.stat().st_mtime
        for entry in os.scandir(path.parent):
            pid = entry.name[len(begin) : -len(end)]
            if not (entry.name.startswith(begin) and entry.name.endswith(end) and pid.isdecimal()):
                continue
            if entry.is_file(follow_symlinks=False) and not _alive(int(pid)):
                with suppress(OSError):
                    if written - entry.stat().st_mtime > ABANDONED_S:
                        os.unlink(entry.path)


def _alive(pid: int) -> bool:
    """Whether there is a process of this number; one that may not be asked is one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) == DIRECTORY_MODE:
            return False  # nothing to do
        owner = getattr(os, "geteuid", lambda: 0)()
        names = [entry.name for entry in os.scandir(path)]
        return path.stat().st_uid == owner and all(name.startswith(OURS) for name in names)
    return False


def _unwritable(path: Path, error: OSError | ValueError) -> TradebotError:
    why = getattr(error, "strerror", None) or str(error)
    return TradebotError(f"cannot be written: {why}", hint="name another file", file=str(path))
