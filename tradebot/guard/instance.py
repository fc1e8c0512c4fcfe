"""The instance id: 6 characters that tell this directory's orders from those of any other."""

from __future__ import annotations

import contextlib
import re
import secrets
import string
from pathlib import Path

from tradebot.core.model.errors import JournalError
from tradebot.disk import create_durably, on_disk, private_directory

INSTANCE_FILE = "instance"

_ALPHABET = string.ascii_lowercase + string.digits
_INSTANCE = re.compile(r"[a-z0-9]{6}")


def instance_id(data_dir: Path) -> str:
    """Return the directory's instance id (6 characters a-z 0-9), made once.

    Raises JournalError when the file is damaged: a new id would disown orders on the exchange.
    """
    path = data_dir / INSTANCE_FILE
    with on_disk(path):
        private_directory(data_dir)
        if not path.exists():
            made = "".join(secrets.choice(_ALPHABET) for _ in range(6))
            with contextlib.suppress(FileExistsError):  # another process was faster: its id counts
                create_durably(path, made + "\n")
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not _INSTANCE.fullmatch(text):
        raise JournalError(
            f"the instance id is damaged ({text[:20]!r})",
            hint="write the 6 characters back that your order ids begin with after 'tb'",
            file=str(path),
        )
    return text
