"""Where a value came from."""

from __future__ import annotations

from typing import Literal

from tradebot.core.model.frozen import frozen


@frozen
class Origin:
    """The layer that set a key; ``name`` is the file or variable, ``line`` the file's line."""

    kind: Literal["default", "file", "env", "set", "flag"]
    name: str = ""
    line: int | None = None

    def __str__(self) -> str:
        """Return it in words: ``default``, ``bot.toml:12``, ``--set``, a variable's name."""
        if self.kind == "file":
            return self.name if self.line is None else f"{self.name}:{self.line}"
        return {"env": self.name, "set": "--set"}.get(self.kind, self.kind)


DEFAULT = Origin("default")
