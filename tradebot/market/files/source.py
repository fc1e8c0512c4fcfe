"""Reading a file in blocks of whole lines: plain, gzip or zip, never more than a block in memory."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from tradebot.core.model.errors import DataError
from tradebot.disk import kind_of

BLOCK = 1 << 15
"""Bytes of text handled at a time: what a block is taken apart into should fit the processor's cache."""

_AGAIN = "the file is damaged or incomplete: download it again"
_CHECKSUM = re.compile(r"[0-9a-fA-F]{32,128} [ *]\S")
_BROKEN = (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)


class TextFile:
    """A file on disk. ``size`` and ``position`` in bytes as stored (compressed).

    ``unfinished`` is the number of the last line when the file does not end with a line break.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = self._size()
        self.position = 0
        self.unfinished: int | None = None

    def fail(self, message: str, line: int | None = None, hint: str | None = None) -> NoReturn:
        """Raise DataError for this file; ``line`` counts from 1."""
        raise DataError(message, hint=hint, file=str(self.path), line=line)

    def blocks(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the first line and the lines of each block, without line breaks.

        DataError when the file cannot be opened, is cut off, or is no text.
        """
        self.position = 0
        self.unfinished = None
        number = 1
        rest = ""
        recent: list[str] = []
        with self._opened() as (raw, stream):
            while data := self._read(stream, number):
                self.position = raw.tell()
                begins = number == 1 and not rest
                text = rest + self._decode(data, number, first=begins)
                if begins:
                    self._refuse_foreign(text)
                if "\r" in text:
                    text = text.replace("\r\n", "\n")
                lines = text.split("\n")
                rest = lines.pop()
                if lines:
                    yield number, lines
                    number += len(lines)
                    recent = [*recent, *lines[-50:]][-50:]
        self.position = self.size
        if rest:
            self.unfinished = number
            self._refuse_cut(number, rest, recent)
            yield number, [rest]

    def tail(self) -> str:
        """Return the last line that is not blank, ``""`` when there is none (DataError as blocks)."""
        last = ""
        for _, lines in self._ending() or self.blocks():
            last = next((line for line in reversed(lines) if line.strip()), last)
        return last

    def _size(self) -> int:
        try:
            kind = kind_of(self.path)
            size = self.path.stat().st_size
        except FileNotFoundError:
            self.fail("no such file", hint="check the path")
        except OSError as error:
            self.fail(f"cannot be read: {error.strerror or error}")
        except ValueError as error:  # a NUL in the name
            self.fail(f"cannot be read: {error}")
        if kind is not None:
            self.fail(f"is {kind[0]}, not a file", hint=kind[1])
        return size

    def _ending(self) -> list[tuple[int, list[str]]] | None:
        """Return the last lines of a plain file without reading the rest; None for packed ones."""
        with self._file() as raw:
            if raw.read(2) in (b"\x1f\x8b", b"PK"):
                return None
            raw.seek(max(0, self.size - 4096))
            return [(1, raw.read().decode("ascii", "replace").splitlines())]

    @contextmanager
    def _file(self) -> Iterator[IO[bytes]]:
        try:
            raw = self.path.open("rb")
        except OSError as error:
            self.fail(f"cannot be read: {error.strerror or error}")
        with raw:
            yield raw

    @contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        with self._file() as raw:
            magic = raw.read(2)
            raw.seek(0)
            if magic == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unzipped:
                    yield raw, unzipped  # type: ignore[misc]  # GzipFile is an IO[bytes] in all but type
            elif magic == b"PK":
                with self._archive(raw) as archive, self._member(archive) as member:
                    yield raw, member
            else:
                yield raw, raw

    def _archive(self, raw: IO[bytes]) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(raw)
        except _BROKEN as error:
            self.fail(f"is no complete zip file: {error}", hint=_AGAIN)

    def _member(self, archive: zipfile.ZipFile) -> IO[bytes]:
        names = [name for name in archive.namelist() if not _is_side_file(name)]
        if len(names) != 1:
            self.fail(f"holds {len(names)} files, expected one CSV", hint="unpack it")
        try:
            return archive.open(names[0])
        except _BROKEN as error:
            self.fail(f"cannot be unpacked: {error}", hint=_AGAIN)

    def _read(self, stream: IO[bytes], number: int) -> bytes:
        try:
            # read1: the lines before a damaged place still come out, so its line can be named
            return stream.read1(BLOCK)  # type: ignore[attr-defined, no-any-return]
        except EOFError:
            self.fail("ends in the middle: the compressed data is cut off", number, _AGAIN)
        except _BROKEN as error:
            self.fail(f"cannot be read on: {error}", number, _AGAIN)

    def _decode(self, data: bytes, number: int, *, first: bool) -> str:
        if first:
            data = data.removeprefix(b"\xef\xbb\xbf")
        try:
            return data.decode("ascii")
        except UnicodeDecodeError as error:
            line = number + data.count(b"\n", 0, error.start)
            self.fail("is no CSV text", line, "use the CSV files of data.binance.vision")

    def _refuse_foreign(self, text: str) -> None:
        """Say what a file is that begins like something else than a CSV."""
        head = text.lstrip()[:512]
        if _CHECKSUM.match(head):
            self.fail("is a checksum, not the data", 1, "name the file it was made for")
        if head.startswith("<") or "<html" in head.lower():
            hint = "the download brought an error page: download the file again"
            self.fail("is a web page (HTML or XML), not market data", 1, hint)
        if "\r" in text.removesuffix("\r") and "\n" not in text:
            hint = "save it with line ends of Unix or Windows"
            self.fail("has only carriage returns as line ends", 1, hint)

    def _refuse_cut(self, number: int, rest: str, before: list[str]) -> None:
        """Refuse a last number that was cut: it is empty, or has fewer decimals than all before.

        A cut in any other place leaves a wrong column count, which the row's reader finds.
        """
        fields = [line.rpartition(",")[2] for line in before]
        decimals = {_decimals(field) for field in fields}
        last = rest.rpartition(",")[2]
        if len(fields) < 3 or before[-1].count(",") != rest.count(","):
            return
        if all(fields) and (not last or (len(decimals) == 1 and _decimals(last) < decimals.pop())):
            self.fail("the file ends in the middle of this line", number, _AGAIN)


def _is_side_file(name: str) -> bool:
    """Whether an archive's member is a folder, or what a Mac puts beside the files."""
    parts = name.split("/")
    return name.endswith("/") or "__MACOSX" in parts or parts[-1].startswith(("._", ".DS_Store"))


def _decimals(field: str) -> int:
    return len(field.partition(".")[2])
