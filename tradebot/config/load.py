"""Reading configuration: flag > ``--set`` > ``TRADEBOT_SECTION__KEY`` > file > default.

All problems are found before any is raised: one ``ConfigError`` lists them with their places.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ValidationError

from tradebot.config.lines import key_lines, line_of
from tradebot.config.model import Config, written
from tradebot.config.origin import DEFAULT, Origin
from tradebot.config.values import SECRET, Text
from tradebot.core.model.errors import ConfigError
from tradebot.core.model.frozen import frozen
from tradebot.core.model.spelling import nearest, question
from tradebot.disk import kind_of

FILE_NAME = "bot.toml"
PREFIX = "TRADEBOT_"
PARAMS = "strategy.params"
DATA_DIR = "TRADEBOT_DATA_DIR"
"""Shorthand for ``TRADEBOT_DATA__DIR``, and stronger."""


@frozen
class Given:
    """A value some layer gave to a dotted key."""

    value: object
    origin: Origin


def load_config(
    file: Path | None,
    env: Mapping[str, str],
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Config:
    """Return the checked configuration.

    ``file`` is ``--config``; ``sets`` are ``section.key=value``; ``flags`` map dotted keys to
    values, None for a flag that was not given. Raises ConfigError with everything that is wrong.
    """
    path = find_file(file, env)
    given = _read_file(path) if path else {}
    given |= _from_env(env)
    given |= _from_sets(sets)
    given |= _from_flags(flags or {})
    problems = [p for key, item in given.items() if (p := _unknown(key, item))]
    known = {key: item for key, item in given.items() if _is_known(key)}
    config, wrong = _validated(known)
    problems += wrong
    if problems or config is None:
        raise _together(problems)
    return config.located(path, {key: item.origin for key, item in known.items()})


def searched_files(env: Mapping[str, str]) -> list[Path]:
    """Return the places where bot.toml is looked for when ``--config`` is not given."""
    if env.get("TRADEBOT_CONFIG"):
        return [Path(env["TRADEBOT_CONFIG"])]
    user = platformdirs.user_config_path("tradebot", appauthor=False)
    return [Path(FILE_NAME), user / FILE_NAME]


def find_file(file: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return the configuration file to read, None if there is none.

    A file named by ``--config`` or ``TRADEBOT_CONFIG`` must be there, else ConfigError.
    """
    named = file or (Path(env["TRADEBOT_CONFIG"]) if env.get("TRADEBOT_CONFIG") else None)
    if named is None:
        return next((path for path in searched_files(env) if path.is_file()), None)
    named = named.expanduser()
    if named.is_file():
        return named
    by = "--config" if file else "TRADEBOT_CONFIG"
    raise ConfigError(
        f"the configuration file {_absence(named)}",
        file=str(named),
        hint=f"check {by}, or copy bot.toml.example there",
    )


def _absence(path: Path) -> str:
    """Return in words why there is no configuration file under a name."""
    try:
        kind = kind_of(path)
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    return "does not exist" if kind is None else f"is {kind[0]}, not a file"


def _read_file(path: Path) -> dict[str, Given]:
    """Return what a file gives, flattened; a syntax error names its line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            "is not UTF-8 text", file=str(path), line=line, hint="save the file as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, text, str(error)) from None
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ConfigError(f"cannot be understood: {error}", file=str(path)) from None
    lines = key_lines(text.replace("\r\n", "\n"))
    return {
        key: Given(value, Origin("file", str(path), line_of(key, lines)))
        for key, value in _leaves(tables)
    }


def _syntax_error(path: Path, text: str, message: str) -> ConfigError:
    where = re.search(r"\(at line (\d+), column \d+\)", message)
    line = int(where.group(1)) if where else text.rstrip("\n").count("\n") + 1
    return ConfigError(
        f"is not valid TOML: {message}",
        file=str(path),
        line=line,
        hint='texts need quotes: name = "ema_cross"',
    )


def _leaves(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; a table is opened only where tables are known."""
    for name, value in tables.items():
        key = prefix + name
        if isinstance(value, dict) and (key in SECTIONS or key == PARAMS):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _from_env(env: Mapping[str, str]) -> dict[str, Given]:
    """Return what ``TRADEBOT_SECTION__KEY`` variables give; an empty one counts as not set."""
    given = {}
    for name, value in sorted(env.items()):
        if not name.startswith(PREFIX) or not value:
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        single = PREFIX + key.upper()
        if "." in key or single in FLATTENED:
            given[FLATTENED.get(single, key)] = Given(Text(value), Origin("env", name))
    if env.get(DATA_DIR):
        given["data.dir"] = Given(Text(env[DATA_DIR]), Origin("env", DATA_DIR))
    return given


def _from_sets(sets: Sequence[str]) -> dict[str, Given]:
    given = {}
    for item in sets:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {item}: not of the form section.key=value",
                hint="for example --set market.seed=7",
            )
        given[key.strip()] = Given(Text(value.strip()), Origin("set", "--set"))
    return given


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Given]:
    return {
        key: Given(Text(value) if isinstance(value, str) else value, Origin("flag"))
        for key, value in flags.items()
        if value is not None
    }


def _is_known(key: str) -> bool:
    return key in KEYS or (key.startswith(f"{PARAMS}.") and key.count(".") == 2)


def _unknown(key: str, item: Given) -> ConfigError | None:
    """Return the problem with a key nobody knows, naming the nearest one that exists."""
    if _is_known(key):
        return None
    if key in SECTIONS:
        return _problem(key, item.origin, "is a section, not a key", f"its keys: {_keys_of(key)}")
    if SECRET.search(key):
        return _problem(key, item.origin, "unknown key", _secret_hint(key))
    close = _nearest_key(key)
    what = "section" if isinstance(item.value, dict) else "key"
    hint = question(close) if close else "`tradebot config show` lists every key"
    return _problem(key, item.origin, f"unknown {what}", hint)


def _secret_hint(key: str) -> str:
    """Say where a secret belongs: by the name of its variable, where that is known."""
    channel = next((name for name in _ALERT_SECRETS if name in key), None)
    if not key.startswith("alerts") or channel is None:
        return "secrets go into the environment or the OS keyring, never into the configuration"
    variable = _ALERT_SECRETS[channel]
    return f"it is a secret: set {variable}, or keep it with `tradebot alerts set {channel}`"


_ALERT_SECRETS = {
    "telegram": "TRADEBOT_SECRET_TELEGRAM_TOKEN",
    "email": "TRADEBOT_SECRET_EMAIL_PASSWORD",
    "webhook": "TRADEBOT_SECRET_WEBHOOK_SECRET",
}


def _nearest_key(key: str) -> str | None:
    """Return the known key or section most like it: as a whole, else by its last part."""
    whole = nearest(key, [*KEYS, *SECTIONS])
    if whole:
        return whole
    tails = {known.rpartition(".")[2]: known for known in reversed(KEYS)}
    tail = nearest(key.rpartition(".")[2], tails)
    return tails[tail] if tail else None


def _keys_of(section: str) -> str:
    start = f"{section}."
    names = [key.removeprefix(start) for key in KEYS if key.startswith(start)]
    return ", ".join(names) or "none"


def _validated(given: Mapping[str, Given]) -> tuple[Config | None, list[ConfigError]]:
    """Return the config, or every problem the model has with what was given."""
    try:
        return Config.model_validate(_nested(given)), []
    except ValidationError as error:
        return None, [_explained(dict(item), given) for item in error.errors()]


def _nested(given: Mapping[str, Given]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for key, item in sorted(given.items()):
        table = tables
        *path, name = key.split(".")
        for part in path:
            table = table.setdefault(part, {})
        table[name] = item.value
    return tables


def _explained(error: Mapping[str, Any], given: Mapping[str, Given]) -> ConfigError:
    """Put a pydantic error in our words, with the place its value came from."""
    key = ".".join(str(part) for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    origin = given[key].origin if key in given else _origin_near(key, given)
    hint = f"the default is {DEFAULTS[key]}" if key in DEFAULTS else None
    return _problem(key or None, origin, str(cause or error["msg"]), hint)


def _origin_near(key: str, given: Mapping[str, Given]) -> Origin:
    """Return the origin of something below a key, for a problem of several keys together."""
    inside = [item.origin for name, item in given.items() if name.startswith(key)]
    return inside[0] if inside else DEFAULT


def _problem(key: str | None, origin: Origin, text: str, hint: str | None = None) -> ConfigError:
    if origin.kind == "file":
        return ConfigError(text, file=origin.name, line=origin.line, key=key, hint=hint)
    source = {"env": f" (from {origin.name})", "set": " (from --set)"}.get(origin.kind, "")
    return ConfigError(text + source, key=key, hint=hint)


def _together(problems: Sequence[ConfigError]) -> ConfigError:
    """Return one error: the first problem's place, all problems' words."""
    first, *rest = sorted(problems, key=lambda p: (p.file is None, p.line or 0, p.key or ""))
    if not rest:
        return first
    others = [f"{item}; {item.hint}" if item.hint else str(item) for item in rest]
    return ConfigError(
        "\n".join([first.message, *others]),
        hint=first.hint,
        file=first.file,
        line=first.line,
        key=first.key,
    )


def _walk(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Yield every dotted name with whether it is a section."""
    for name, field in model.model_fields.items():
        kind, name = field.annotation, field.alias or name
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield prefix + name, True
            yield from _walk(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, False


KEYS = tuple(key for key, section in _walk(Config) if not section)
"""Every dotted key; parameters of the strategy live below ``strategy.params``."""

SECTIONS = tuple(key for key, section in _walk(Config) if section)
"""Every section: ``risk`` and ``risk.paper`` too."""

DEFAULTS = {key: written(value) for key, value in Config().items()}
"""Every key's default as bot.toml would have it."""

FLATTENED = {
    PREFIX + key.replace(".", "_").upper(): key for key in KEYS if key not in ("data.dir", PARAMS)
}
"""Variables with one underscore where two are meant: taken for what they mean."""
