"""Files of the user's: which may be read, and how one is written so that nobody ever sees half of it.

Only regular files are read and written. A pipe, a device or a socket under a file's name is refused by its kind:
reading one may never end, and a rename would put a file in its place.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tradebot.core.model.errors import TradebotError, UsageError

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
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft that takes the place of ``path``, whole and on disk, when the block ends well.

    Links are followed: the file they lead to is the one replaced, and it keeps its permissions. Errors as
    ``check_target``, and TradebotError when it cannot be written; whatever was there stays then.
    """
    target = check_target(path)
    draft = target.with_name(f".{os.getpid()}.{abs(hash(target.name)):x}.new")
    try:
        draft.unlink(missing_ok=True)
        yield draft
        with suppress(FileNotFoundError):
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
        _sync(draft)
        check_target(target)  # what came there meanwhile may be no file
        os.replace(draft, target)
        if hasattr(os, "O_DIRECTORY"):
            _sync(target.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all; errors as ``replacing``."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError | ValueError) -> TradebotError:
    why = getattr(error, "strerror", None) or str(error)
    return TradebotError(f"cannot be written: {why}", hint="name another file", file=str(path))


__all__ = ["check_target", "kind_of", "replacing", "write_text"]
