"""The one error tree.

::

    TradebotError                 exit 1
    ├── UsageError                exit 2   wrong flags or arguments
    │   └── ConfigError           exit 2   bot.toml, environment, --set
    ├── DataError                 exit 1   market data files
    ├── StrategyError             exit 1   a strategy raised or returned nonsense
    ├── JournalError              exit 1   database, disk
    │   └── SchemaError           exit 1   database of another version, or not ours
    ├── ExchangeError             exit 3   the venue refused or is away
    ├── RefusedError              exit 4   risk rule, gate or halt
    ├── AlreadyRunningError       exit 5   another engine holds the lock
    └── LeftoverError             exit 6   close-all could not close everything

Every error a user can cause carries what was wrong and, where there is one, the way out.
"""

from __future__ import annotations


class TradebotError(Exception):
    """Base of every error tradebot raises on purpose.

    ``hint`` says what to do, ``file``/``line``/``key`` say where; all may be None.
    """

    kind = "error"
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line
        self.key = key

    def __str__(self) -> str:
        """Return ``file:line: key: message`` with the parts that are known."""
        where = self.file or ""
        if self.file and self.line is not None:
            where = f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.key, self.message) if part)


class UsageError(TradebotError):
    """The command was called in a way that makes no sense."""

    kind = "usage"
    exit_code = 2


class ConfigError(UsageError):
    """A configuration value is unknown, of the wrong type, or looser than a ceiling."""

    kind = "config"


class DataError(TradebotError):
    """Market data is missing, malformed, unsorted or contradictory."""

    kind = "data"


class StrategyError(TradebotError):
    """A strategy could not be loaded, raised, or returned something that is no signal."""

    kind = "strategy"


class JournalError(TradebotError):
    """The journal cannot be read or written."""

    kind = "journal"


class OlderJournalError(JournalError):
    """The journal is of an older version; the first command that writes to it brings it up to date."""


class MissingJournalError(JournalError):
    """There is no journal yet; the first start makes it."""


class SchemaError(JournalError):
    """The database belongs to another version or to another program."""

    kind = "schema"


class ExchangeError(TradebotError):
    """The venue refused, or cannot be reached."""

    kind = "exchange"
    exit_code = 3


class RefusedError(TradebotError):
    """A risk rule, a gate or a halt forbids it."""

    kind = "refused"
    exit_code = 4


class AlreadyRunningError(TradebotError):
    """Another engine holds the data directory."""

    kind = "already_running"
    exit_code = 5


class LeftoverError(TradebotError):
    """close-all ended with something still open."""

    kind = "leftover"
    exit_code = 6
