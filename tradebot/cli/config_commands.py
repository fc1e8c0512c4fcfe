"""``config show``, ``config check`` and ``config path``."""

from __future__ import annotations

import os
from typing import Any

from tradebot.cli.options import Common
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config, find_file, searched_files
from tradebot.config.model import written
from tradebot.plugins.strategies import load_strategy


def show_config(common: Common, *, with_origin: bool) -> int:
    """Print every key; for people as a bot.toml that would load."""
    config = read_config(common)
    data: dict[str, Any] = {
        "file": config.file,
        "hash": config.digest(),
        "config": config.document(),
    }
    if with_origin:
        data["origin"] = {key: str(config.origin(key)) for key, _ in config.items()}
    result = Result("config show", data, text=_as_toml(config, with_origin=with_origin))
    return show(result, as_json=common.json)


def _as_toml(config: Config, *, with_origin: bool) -> str:
    lines: list[str] = []
    section = ""
    for key, value in config.items():
        table, _, name = key.rpartition(".")
        if table != section:
            section = table
            lines += ["", f"[{table}]"]
        comment = f"  # {config.origin(key)}" if with_origin else ""
        lines.append(f"{name} = {written(value)}{comment}")
    return "\n".join(lines).strip()


def check_config(common: Common) -> int:
    """Load the configuration and its strategy; what is wrong is raised."""
    config = read_config(common)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    data = {
        "file": config.file,
        "hash": config.digest(),
        "profile": config.risk.profile,
        "strategy": spec.name,
        "strategy_hash": spec.hash,
        "params": spec.params.model_dump(mode="json"),
    }
    result = Result("config check", data, _doubts(config), text=_verdict(config, spec.name))
    return show(result, as_json=common.json)


def _verdict(config: Config, strategy: str) -> str:
    source = str(config.file) if config.file else "no configuration file: the defaults"
    return f"ok: {source}; strategy {strategy}; risk profile {config.risk.profile}"


def _doubts(config: Config) -> list[str]:
    """Return what is allowed but hardly meant."""
    doubts = []
    off = [key for key, value in config.items() if value == "off"]
    if off and config.risk.profile == "paper":
        doubts.append(f"switched off: {', '.join(off)}")
    outside = sorted(set(config.market.symbols) - set(config.limits().symbols))
    if outside:
        doubts.append(
            f"{', '.join(outside)}: on the market but not on the allow-list of the profile"
        )
    return doubts


def show_paths(common: Common) -> int:
    """Print which file is read, which are looked for and where the data is."""
    config = read_config(common)
    searched = [common.config] if common.config else searched_files(os.environ)
    data = {
        "file": find_file(common.config, os.environ),
        "searched": searched,
        "data_dir": config.data_dir().absolute(),
    }
    return show(Result("config path", data), as_json=common.json)
