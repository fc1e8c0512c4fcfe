"""Which data directory a kill command means, whatever is wrong with the configuration.

Only ``--data-dir``, ``TRADEBOT_DATA_DIR`` and ``[data] dir`` are looked at, and the file is read for that
alone: what else is wrong with it is for later. Where none of them tells, all engines that run are meant.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from tradebot.app.target import may_run
from tradebot.core.model.errors import ConfigError
from tradebot.disk import kind_of
from tradebot.guard.registry import registered

FILE_NAME = "bot.toml"
DEMO_HOSTS = ("demo_rest", "demo_stream")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The directories a kill command latches. ``unclear`` says why more than one may be meant.

    ``environment``, ``url`` and ``demo`` (hosts) are those of ``[exchange]`` as far as they could be read.
    """

    dirs: tuple[Path, ...]
    unclear: str = ""
    environment: str = "local"
    url: str = ""
    demo: tuple[str, str] = ("", "")


def find(data_dir: Path | None, config: Path | None, env: Mapping[str, str]) -> Whereabouts:
    """Return where a kill command has to latch. Raises nothing: a latch too many can be resumed."""
    tables, base, problem = _read(config, env)
    named = data_dir or _named(tables, base, env)
    found = _everywhere(problem) if named is None else Whereabouts((named.expanduser(),))
    demo_rest, demo_stream = (_text(tables, "exchange", key, env) for key in DEMO_HOSTS)
    return replace(
        found,
        environment=_text(tables, "exchange", "environment", env) or "local",
        url=_text(tables, "exchange", "url", env),
        demo=(demo_rest, demo_stream),
    )


def _everywhere(problem: str) -> Whereabouts:
    """Return the platform's directory, and with it every engine that runs, if any may be meant."""
    default = platformdirs.user_data_path("tradebot", appauthor=False)
    if not problem and may_run(default):
        return Whereabouts((default,))
    mine = os.path.realpath(default)
    others = [path for path in registered() if os.path.realpath(path) != mine and may_run(path)]
    if others and not problem:
        problem = "no engine runs on the default data directory, but elsewhere"
    return Whereabouts((*others, default), problem)


def _named(tables: Mapping[str, Any], base: Path, env: Mapping[str, str]) -> Path | None:
    given = env.get("TRADEBOT_DATA_DIR") or env.get("TRADEBOT_DATA__DIR")
    if given:
        return Path(given)
    stands = _text(tables, "data", "dir", {})
    return base / Path(stands).expanduser() if stands else None


def _text(tables: Mapping[str, Any], section: str, key: str, env: Mapping[str, str]) -> str:
    given = env.get(f"TRADEBOT_{section.upper()}__{key.upper()}")
    table = tables.get(section)
    found = given or (table.get(key) if isinstance(table, Mapping) else None)
    return found if isinstance(found, str) else ""


def _read(config: Path | None, env: Mapping[str, str]) -> tuple[dict[str, Any], Path, str]:
    """Return the file's tables, the directory it lies in, and what hides a directory it may name."""
    path, asked = _file(config, env)
    if path is None:
        return {}, Path(), ""
    try:
        kind = kind_of(path)  # reading a pipe may never end
        if kind is not None:
            return {}, path.parent, f"{asked}: {path} cannot be read (it is {kind[0]})"
        tables = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{error}"
        return {}, path.parent, f"{asked}: {path} cannot be read ({reason})"
    table = tables.get("data", {})
    if not isinstance(table, dict) or not isinstance(table.get("dir", ""), str):
        return tables, path.parent, f"{asked}: {path}: [data] dir is no text"
    return tables, path.parent, ""


def _file(config: Path | None, env: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the configuration file that is meant, there or not, and who means it."""
    if config is not None:
        return config.expanduser(), "--config"
    if env.get("TRADEBOT_CONFIG"):
        return Path(env["TRADEBOT_CONFIG"]).expanduser(), "TRADEBOT_CONFIG"
    user = platformdirs.user_config_path("tradebot", appauthor=False) / FILE_NAME
    for path in (Path(FILE_NAME), user):
        if path.is_file():
            return path, "the configuration"
    return None, ""


def complaint(error: ConfigError) -> str:
    """Return what is wrong with the configuration as a warning to a command that did without it."""
    said = str(error).replace("\n", "; ")  # a warning is one line
    return f"the configuration is wrong, and was not needed for this: {said}"
