"""What evidence binds to: every part that can change what a strategy would do changes the hash, and nothing else does."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot.core.model.errors import StrategyError
from tradebot.plugins.evidence import EvidenceHash, _files_hash, evidence_of
from tradebot.plugins.imports import modules_of
from tradebot.plugins.strategies import load_strategy

OWN = """
import json
from pydantic import BaseModel
from levels import WIDTH
from tradebot import Signal


class Own:
    class Params(BaseModel):
        n: int = 3

    warmup = 0

    def __init__(self, params, symbol):
        self.params = params

    def on_bar(self, bar):
        from parts.late import LATE
        return None
"""

FILES = {
    "own.py": OWN,
    "levels.py": "from parts import deep\nWIDTH = 2\n",
    "parts/__init__.py": "",
    "parts/deep.py": "from . import deeper\nfrom .side.far import FAR\n",
    "parts/deeper.py": "import math\n",
    "parts/late.py": "LATE = 1\n",
    "parts/side/__init__.py": "",
    "parts/side/far.py": "from ..deeper import math\nFAR = 1\n",
}
LEFT_OUT = {"unused.py": "X = 1\n", "parts/unused.py": "X = 1\n", "data.csv": "1,2\n"}


@pytest.fixture(autouse=True)
def _same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("levels", *(n for n in sys.modules if n.partition(".")[0] == "parts")):
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {**FILES, **LEFT_OUT}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def evidence(
    folder: Path, symbols: tuple[str, ...] = ("BTC/USDT",), **params: object
) -> EvidenceHash:
    return evidence_of(load_strategy("own.py:Own", folder, params), "1m", symbols)


def test_the_parts_are_the_files_the_strategy_is_made_of(folder: Path) -> None:
    names = [part.name for part in evidence(folder).parts]
    assert names == [
        *("strategy own.py", "module levels", "module parts", "module parts.deep"),
        *("module parts.deeper", "module parts.late", "module parts.side"),
        *("module parts.side.far", "class", "parameters", "timeframe", "symbols", "version"),
        *("tradebot's files", "limits of all stages"),
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_comment_in_any_of_them_is_a_change(folder: Path, name: str) -> None:
    before = evidence(folder).hash
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write("# a word\n")
    assert evidence(folder).hash != before


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_file_that_is_not_imported_is_no_part(folder: Path, name: str) -> None:
    before = evidence(folder).hash
    (folder / name).write_text("Y = 2  # changed\n", encoding="utf-8")
    assert evidence(folder).hash == before


def test_parameters_timeframe_and_symbols_are_parts_and_the_place_is_none(folder: Path) -> None:
    spec = load_strategy("own.py:Own", folder)
    mine = evidence_of(spec, "1m", ["BTC/USDT", "ETH/USDT"]).hash
    others = {
        evidence(folder, ("BTC/USDT", "ETH/USDT"), n=4).hash,
        evidence_of(spec, "5m", ["BTC/USDT", "ETH/USDT"]).hash,
        evidence_of(spec, "1m", ["BTC/USDT"]).hash,
    }
    assert len(others | {mine}) == 4
    assert evidence_of(spec, "1m", ["ETH/USDT", "BTC/USDT"]).hash == mine
    assert evidence(folder, ("BTC/USDT", "ETH/USDT"), n=3).hash == mine  # the default, written out
    shutil.copytree(folder, folder / "elsewhere" / "moved")
    assert evidence(folder / "elsewhere" / "moved", ("BTC/USDT", "ETH/USDT")).hash == mine


def test_a_limit_of_any_stage_is_a_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = evidence(folder).hash
    monkeypatch.setattr("tradebot.core.risk.ceilings.POSITION_VALUE_STAGE_TWO", 101)
    assert evidence(folder).hash != before


def test_a_file_of_the_program_that_is_changed_moved_or_added_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    for name in ("one.py", "room/two.py"):
        (tmp_path / name).write_text("A = 1\n", encoding="utf-8")
    hashes = [_files_hash(tmp_path)]
    (tmp_path / "one.py").write_text("A = 2  # changed\n", encoding="utf-8")
    hashes.append(_files_hash(tmp_path))
    (tmp_path / "one.py").rename(tmp_path / "three.py")
    hashes.append(_files_hash(tmp_path))
    (tmp_path / "room" / "new.py").write_text("", encoding="utf-8")
    hashes.append(_files_hash(tmp_path))
    assert len(set(hashes)) == 4


def test_a_module_that_is_never_reached_and_does_not_parse_is_named(folder: Path) -> None:
    (folder / "parts" / "late.py").write_text("LATE = (\n", encoding="utf-8")
    with pytest.raises(StrategyError) as caught:
        evidence(folder)
    assert caught.value.file == str(folder / "parts" / "late.py")
    assert caught.value.line == 1


def test_an_installed_strategy_is_its_whole_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder / "parts", folder / "site-packages" / "parts")
    shutil.rmtree(folder / "parts")
    monkeypatch.setattr(sys, "path", [str(folder / "site-packages"), *sys.path])
    file = folder / "site-packages" / "parts" / "deep.py"
    own = ["parts", "parts.deeper", "parts.side", "parts.side.far"]
    assert list(modules_of(file, "parts.deep")) == own
    assert list(modules_of(folder / "own.py")) == [
        "levels"
    ]  # the rest is installed, and not its own


def test_a_link_beside_the_strategy_is_its_own_wherever_it_leads(folder: Path) -> None:
    away = folder / "elsewhere" / "site-packages"
    away.mkdir(parents=True)
    (folder / "levels.py").rename(away / "anything.py")
    (folder / "levels.py").symlink_to(away / "anything.py")
    before = evidence(folder).hash
    with (away / "anything.py").open("a", encoding="utf-8") as file:
        file.write("# a word\n")
    assert evidence(folder).hash != before


def test_all_of_a_package_is_all_that_lies_in_it(folder: Path) -> None:
    (folder / "parts" / "__init__.py").write_text("__all__ = ['un' + 'used']\n", encoding="utf-8")
    (folder / "levels.py").write_text("from parts import *\nWIDTH = 2\n", encoding="utf-8")
    before = evidence(folder)
    assert "module parts.unused" in [part.name for part in before.parts]
    (folder / "parts" / "unused.py").write_text("X = 2  # changed\n", encoding="utf-8")
    assert evidence(folder).hash != before.hash


def test_a_parameter_that_is_kept_out_of_what_is_written_is_a_part(folder: Path) -> None:
    text = OWN.replace("n: int = 3", "n: int = Field(3, exclude=True)")
    text = text.replace("import BaseModel", "import BaseModel, Field")
    (folder / "own.py").write_text(text, encoding="utf-8")
    assert evidence(folder, n=3).hash != evidence(folder, n=4).hash


def test_a_compiled_copy_of_something_else_is_refused(folder: Path) -> None:
    levels = folder / "levels.py"
    text, state = levels.read_text(encoding="utf-8"), levels.stat()
    levels.write_text(text.replace("2", "3"), encoding="utf-8")
    os.utime(levels, ns=(state.st_atime_ns, state.st_mtime_ns))
    py_compile.compile(str(levels), doraise=True)
    levels.write_text(text, encoding="utf-8")
    os.utime(levels, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(StrategyError, match="compiled copy") as caught:
        evidence(folder)
    assert caught.value.hint is not None
    Path(caught.value.hint.removeprefix("remove ")).unlink()
    before = evidence(folder).hash
    py_compile.compile(str(levels), doraise=True)
    assert evidence(folder).hash == before


def test_what_is_not_there_and_leads_out_of_a_package_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from ... import up\nfrom . import x\nimport not_there_at_all\nfrom os import *\n"
    )
    assert modules_of(file) == {}


def test_the_command_shows_the_parts(folder: Path) -> None:
    bot = Bot(folder, folder / "data")
    (folder / "bot.toml").write_text(
        '[strategy]\nname = "own.py:Own"\n[strategy.params]\nn = 5\n[market]\nsymbols = ["ETH/USDT"]\n'
    )
    data = bot.json("strategies", "--hash", "own.py:Own", "--config", folder / "bot.toml").data
    parts = {part["name"]: part["value"] for part in data["parts"]}
    assert (parts["class"], parts["parameters"]) == ("Own", '{"n":5}')
    assert parts["symbols"] == "ETH/USDT"
    assert data["hash"] == evidence(folder, ("ETH/USDT",), n=5).hash
