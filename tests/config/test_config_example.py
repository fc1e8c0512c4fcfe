"""bot.toml.example lists every key once, with its default."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tradebot.config import Config, load_config
from tradebot.config.load import KEYS, SECTIONS
from tradebot.core.strategy.ema_cross import EmaCross

EXAMPLE = Path(__file__).parents[2] / "bot.toml.example"
SETTING = re.compile(r"^#(\w+) = ")


def named_keys(text: str) -> list[str]:
    section, keys = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif match := SETTING.match(line):
            keys.append(f"{section}.{match.group(1)}")
    return keys


def test_every_key_once() -> None:
    keys = named_keys(EXAMPLE.read_text())
    params = {f"strategy.params.{name}" for name in EmaCross.Params.model_fields}
    assert set(keys) == (set(KEYS) - {"strategy.params"}) | params
    assert max(Counter(keys).values()) == 1


def test_every_section_once() -> None:
    headers = re.findall(r"^\[(.+)\]$", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(headers) == sorted([*SECTIONS, "strategy.params"])


def test_as_it_is_it_changes_nothing() -> None:
    assert load_config(EXAMPLE, {}).document() == Config().document()


def test_uncommented_it_loads_and_shows_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(re.sub(r"^#(?=\w+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE))
    config = load_config(file, {})
    document = config.document()
    assert document["strategy"].pop("params") == EmaCross.Params().model_dump()
    expected = Config().document()
    del expected["strategy"]["params"]
    assert document == expected
    origins = {config.origin(key).kind for key, _ in config.items()}
    assert origins == {"file"}
