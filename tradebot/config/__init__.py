"""Configuration: bot.toml, environment, ``--set`` and flags in one checked, frozen ``Config``."""

from tradebot.config.load import find_file, load_config, searched_files
from tradebot.config.model import Config
from tradebot.config.origin import Origin

__all__ = ["Config", "Origin", "find_file", "load_config", "searched_files"]
