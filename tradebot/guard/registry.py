"""Where engines run: one file an engine in the user's state directory, so that a kill command finds it.

A configuration that cannot be read may be the only place that names an engine's data directory; what is
noted here does not depend on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from tradebot.disk import private_directory, replace_durably


def state_dir() -> Path:
    """Return the user's state directory (``XDG_STATE_HOME`` moves it on Linux)."""
    return platformdirs.user_state_path("tradebot", appauthor=False)


def register(data_dir: Path, owner: Mapping[str, Any]) -> None:
    """Note which engine runs on a directory; one that cannot be noted runs nevertheless."""
    with contextlib.suppress(OSError):
        path = _file(data_dir)
        private_directory(path.parent)
        replace_durably(path, json.dumps({"data_dir": str(_absolute(data_dir)), **owner}))


def note_of(data_dir: Path) -> Path:
    """Return the file that notes the directory's engine: beside the lock's own note, a second witness."""
    return _file(data_dir)


def unregister(data_dir: Path) -> None:
    """Take the note back; a leftover is harmless, since whoever reads it asks for the lock too."""
    with contextlib.suppress(OSError):
        _file(data_dir).unlink(missing_ok=True)


def registered() -> list[Path]:
    """Return the directories that are noted, whether or not an engine still runs there."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted((state_dir() / "engines").glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                found.append(Path(json.loads(path.read_text(encoding="utf-8"))["data_dir"]))
    return found


def _file(data_dir: Path) -> Path:
    name = hashlib.sha256(os.fsencode(_absolute(data_dir))).hexdigest()[:16]
    return state_dir() / "engines" / f"{name}.json"


def _absolute(data_dir: Path) -> Path:
    return Path(os.path.realpath(data_dir))
