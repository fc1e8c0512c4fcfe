"""The configuration as the commands see it: file, environment and their flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tradebot.cli.options import Common
from tradebot.config import Config, load_config


def read_config(
    common: Common, flags: Mapping[str, object] | None = None, *, hint: bool = True
) -> Config:
    """Return the configuration asked for; ``flags`` are the command's own config keys.

    The first time (no file, no journal yet) a person at a terminal is told about ``init``, unless
    ``hint`` is off.
    """
    config = load_config(
        common.config, os.environ, common.sets, common.flags() if flags is None else flags
    )
    if hint and config.file is None and not common.json and sys.stderr.isatty():
        _greet(config)
    return config


def _greet(config: Config) -> None:
    from tradebot.journal.paths import journal_path

    if not journal_path(config.data_dir()).exists():
        text = "no bot.toml: the built-in settings hold; `tradebot init` writes one to change"
        print(text, file=sys.stderr)  # noqa: T201 - talk goes to stderr
