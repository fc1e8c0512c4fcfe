"""The configuration as the commands see it: file, environment and their flags."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tradebot.cli.options import Common
from tradebot.config import Config, load_config


def read_config(common: Common, flags: Mapping[str, object] | None = None) -> Config:
    """Return the configuration asked for; ``flags`` are the command's own config keys."""
    return load_config(
        common.config, os.environ, common.sets, common.flags() if flags is None else flags
    )
