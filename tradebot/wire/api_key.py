"""An API key and its secret, as a value that shows neither."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and its secret; neither is ever shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def last(self) -> str:
        """Its last four characters: enough to tell one's keys apart."""
        return self.key[-4:]

    @property
    def fingerprint(self) -> str:
        """What names it where the key itself must not stand: 16 hex digits of its SHA-256."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]
