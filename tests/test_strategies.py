"""Loading strategies: names, files, entry points, and what is said when one is wrong."""

from __future__ import annotations

import sys
from decimal import Decimal, Inexact, getcontext
from importlib import resources
from pathlib import Path
from textwrap import dedent

import pytest

import tradebot
from tradebot.core.model.errors import ConfigError, StrategyError, TradebotError
from tradebot.core.model.money import EXACT, exact
from tradebot.core.model.values import Bar
from tradebot.core.strategy.ema_cross import EmaCross
from tradebot.plugins.strategies import StrategySpec, describe, list_strategies, load_strategy

GOOD = '''\
"""A strategy in a file of its own."""
from __future__ import annotations
from dataclasses import dataclass
from pydantic import BaseModel, Field
from tradebot import Bar, Signal


@dataclass
class State:
    bars: int = 0


class EveryN:
    """Long every n bars."""

    class Params(BaseModel):
        every: int = Field(3, ge=1, le=100)
        word: str = "x"

    def __init__(self, params: Params, symbol: str) -> None:
        self.params, self.symbol, self.state = params, symbol, State()
        self.warmup = params.every

    def on_bar(self, bar: Bar) -> Signal | None:
        self.state.bars += 1
        return Signal("long", 1.0) if self.state.bars % self.params.every == 0 else None


class NotAStrategy:
    pass
'''

BAR = Bar.of("BTC/USDT", 0, 60_000, ("1", "1", "1", "1", "1"))


@pytest.fixture(autouse=True)
def _same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(folder: Path, source: str, name: str = "mine.py") -> Path:
    file = folder / name
    file.write_text(dedent(source), encoding="utf-8")
    return file


def refused(folder: Path, spec: str = "mine.py:Mine", **params: object) -> TradebotError:
    with pytest.raises(TradebotError) as caught:
        load_strategy(spec, folder, params)
    return caught.value


def test_the_built_in_strategy(tmp_path: Path) -> None:
    spec = load_strategy("ema_cross", tmp_path, {"fast": 5})
    assert spec.cls is EmaCross
    assert spec.params == EmaCross.Params(fast=5)
    assert spec.name == "ema_cross"
    assert spec.file.name == "ema_cross.py"
    strategy = spec.build("ETH/USDT")
    assert isinstance(strategy.own, EmaCross)
    assert strategy.own.symbol == "ETH/USDT"


def test_a_file_beside_the_configuration(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    spec = load_strategy("mine.py:EveryN", tmp_path, {"every": 2})
    strategy = spec.build("BTC/USDT")
    bar = Bar.of("BTC/USDT", 0, 60_000, ("1", "1", "1", "1", "1"))
    assert strategy.warmup == 2
    assert strategy.on_bar(bar) is None
    signal = strategy.on_bar(bar)
    assert signal is not None
    assert signal.side == "long"
    assert spec.name == "mine.py:EveryN"


def test_a_file_by_absolute_path_and_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    file = write(folder, GOOD)
    by_path = load_strategy(f"{file}:EveryN", Path("/"))
    relative = load_strategy("deep/mine.py:EveryN", tmp_path)
    assert by_path.hash == relative.hash


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "EVERY = 7\n", "neighbour_of_mine.py")
    write(
        tmp_path,
        GOOD.replace("every: int = Field(3", "every: int = Field(EVERY").replace(
            "from dataclasses", "from neighbour_of_mine import EVERY\nfrom dataclasses"
        ),
    )
    before = list(sys.path)
    assert load_strategy("mine.py:EveryN", tmp_path).build("X").warmup == 7
    assert sys.path == [*before, str(tmp_path)]  # last: nothing of ours is taken for a file there
    load_strategy("mine.py:EveryN", tmp_path)
    assert sys.path == [*before, str(tmp_path)]


LATE = """\
from pydantic import BaseModel
class Late:
    class Params(BaseModel): n: int = 1
    def __init__(self, params, symbol): self.warmup = 0
    def on_bar(self, bar):
        from imported_while_it_runs import f
        return f()
"""


def test_a_file_may_import_its_neighbours_while_it_runs(tmp_path: Path) -> None:
    write(tmp_path, "def f(): return None\n", "imported_while_it_runs.py")
    write(tmp_path, LATE)
    strategy = load_strategy("mine.py:Late", tmp_path).build("X")
    assert strategy.on_bar(BAR) is None


def spec_hash(folder: Path, source: str = GOOD, **params: object) -> str:
    write(folder, source)
    return load_strategy("mine.py:EveryN", folder, params).hash


def test_the_hash_is_of_source_class_and_parameters(tmp_path: Path) -> None:
    plain = spec_hash(tmp_path)
    assert len(plain) == 64
    assert spec_hash(tmp_path) == plain
    assert spec_hash(tmp_path, every=3) == plain  # the default, said aloud
    assert spec_hash(tmp_path, every=4) != plain
    assert spec_hash(tmp_path, GOOD + "\n# more\n") != plain
    write(tmp_path, GOOD.replace("class EveryN", "class Other"))
    assert load_strategy("mine.py:Other", tmp_path).hash != plain


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    spec_hash(tmp_path)
    write(tmp_path, GOOD.replace("Field(3", "Field(9"))
    assert load_strategy("mine.py:EveryN", tmp_path).build("X").warmup == 9


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("ema_cros", 'unknown strategy "ema_cros"', "did you mean ema_cross?"),
        ("zzz", "known: breakout, ema_cross", "FILE.py:CLASS"),
        ("mine.py", "does not name a class", "FILE.py:CLASS"),
        ("mine.py:", "does not name a class", "FILE.py:CLASS"),
        ("none.py:Mine", "No such file", "relative to the configuration file"),
        ("mine.py:EveryM", 'no class "EveryM"', "did you mean EveryN?"),
        ("mine.py:Zzz", 'no class "Zzz"', "EveryN, NotAStrategy"),
    ],
)
def test_a_wrong_name(tmp_path: Path, spec: str, message: str, hint: str) -> None:
    write(tmp_path, GOOD)
    error = refused(tmp_path, spec)
    assert isinstance(error, ConfigError)
    assert error.key == "strategy.name"
    assert message in error.message
    assert error.hint
    assert hint in error.hint


BROKEN = {
    "syntax": ("class Mine:\n    def on_bar(self\n", 2, "SyntaxError"),
    "name": ("import os\n\nvalue = undefined\n", 3, "NameError: name 'undefined' is not defined"),
    "import": ("\nimport no_such_module_anywhere\n", 2, "ModuleNotFoundError"),
    "exit": ("raise SystemExit(3)\n", 1, "SystemExit"),
    "deep": ("def fail():\n    return 1 / 0\n\nfail()\n", 2, "ZeroDivisionError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_does_not_import(tmp_path: Path, case: str) -> None:
    source, line, words = BROKEN[case]
    file = write(tmp_path, source)
    error = refused(tmp_path)
    assert isinstance(error, StrategyError)
    assert "does not import" in error.message
    assert words in error.message
    assert (error.file, error.line) == (str(file), line)
    assert "tradebot strategies --hash FILE:CLASS says when it loads" in str(error.hint)
    assert "Traceback" not in str(error)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_bytes(b"x = '\xff'\n")
    error = refused(tmp_path)
    assert "does not import" in error.message
    assert error.file == str(tmp_path / "mine.py")


ENTRY = "    warmup = 1\n    def __init__(self, params, symbol): ...\n"
MISSHAPEN = {
    "no params": (f"class Mine:\n{ENTRY}    def on_bar(self, bar): ...\n", 1, "has no Params"),
    "params of another kind": ("class Mine:\n    Params = dict\n", 1, "has no Params"),
    "init": (
        "HEAD    warmup = 1\n    def __init__(self, params): ...\n    def on_bar(self, bar): ...\n",
        5,
        "__init__ must be callable as (self, params, symbol)",
    ),
    "no init": ("HEAD    warmup = 1\n    def on_bar(self, bar): ...\n", 2, "__init__ must be"),
    "on_bar": (f"HEAD{ENTRY}    def on_bar(self): ...\n", 6, "callable as (self, bar)"),
    "no on_bar": (f"HEAD{ENTRY}", 2, "on_bar must be"),
    "async on_bar": (f"HEAD{ENTRY}    async def on_bar(self, bar): ...\n", 6, "on_bar must be"),
    "no warmup": (
        "HEAD    def __init__(self, params, symbol): ...\n    def on_bar(self, bar): ...\n",
        2,
        "has no warmup",
    ),
    "warmup of another kind": (
        f"HEAD{ENTRY}    def on_bar(self, bar): ...\n    warmup = '5'\n",
        2,
        "has a warmup of '5'",
    ),
    "init raises": (
        "HEAD    def on_bar(self, b): ...\n    def __init__(self, params, name):\n        1 / 0\n",
        6,
        "ZeroDivisionError",
    ),
}
HEAD = "from pydantic import BaseModel\nclass Mine:\n    class Params(BaseModel): n: int = 1\n"


@pytest.mark.parametrize("case", MISSHAPEN)
def test_a_class_that_is_no_strategy(tmp_path: Path, case: str) -> None:
    source, line, words = MISSHAPEN[case]
    file = write(tmp_path, source.replace("HEAD", HEAD))
    error = refused(tmp_path)
    assert isinstance(error, StrategyError)
    assert error.exit_code == 1
    assert words in error.message
    assert (error.file, error.line) == (str(file), line)


@pytest.mark.parametrize(
    ("params", "key", "words"),
    [
        ({"fsat": 3}, "strategy.params.fsat", "no such parameter"),
        ({"fast": 0}, "strategy.params.fast", "greater than or equal to 1"),
        ({"fast": "many"}, "strategy.params.fast", "valid integer"),
        ({"fast": 60}, "strategy.params", "fast (60) must be smaller than slow (60)"),
        ({"stop_atr": -1.0}, "strategy.params.stop_atr", "got -1.0"),
    ],
)
def test_a_wrong_parameter(tmp_path: Path, params: dict[str, object], key: str, words: str) -> None:
    error = refused(tmp_path, "ema_cross", **params)
    assert isinstance(error, ConfigError)
    assert error.key == key
    assert words in error.message


def test_every_wrong_parameter_is_listed(tmp_path: Path) -> None:
    error = refused(tmp_path, "ema_cross", fsat=3, slwo=4, atr=-1)
    assert error.hint == "did you mean fast?"
    assert len(error.message.splitlines()) == 3
    assert "did you mean slow?" in error.message


def test_a_missing_parameter(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("Field(3, ge=1, le=100)", "Field(ge=1)"))
    error = refused(tmp_path, "mine.py:EveryN")
    assert error.key == "strategy.params.every"
    assert "required" in error.message
    assert load_strategy("mine.py:EveryN", tmp_path, {"every": 1}).build("X").warmup == 1


def test_a_validator_that_raises_nonsense_is_the_strategy_s_fault(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        GOOD.replace(
            '        word: str = "x"\n',
            '        word: str = "x"\n        @field_validator("word")\n        @classmethod\n'
            "        def check(cls, value: str) -> str:\n            return value[99]\n",
        ).replace("BaseModel, Field", "BaseModel, Field, field_validator"),
    )
    error = refused(tmp_path, "mine.py:EveryN", word="y")
    assert isinstance(error, StrategyError)
    assert "IndexError" in error.message
    assert error.file == str(file)


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str, source: str
) -> None:
    """Put a distribution with one entry point on the path, as an installer would."""
    write(folder, source, f"{target.partition(':')[0]}.py")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tradebot.strategies]\n{name} = {target}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_an_installed_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "every_n", "installed_every_n:EveryN", GOOD)
    spec: StrategySpec = load_strategy("every_n", Path("/"), {"every": 5})
    assert spec.build("X").warmup == 5
    assert spec.file == tmp_path / "installed_every_n.py"
    listed = {info.name: info for info in list_strategies()}
    assert listed["every_n"].kind == "installed"
    assert listed["every_n"].summary == "Long every n bars."


def test_a_broken_installed_strategy_is_listed_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "bad_one", "installed_bad_one:Mine", "x = 1\n\ny = z\n")
    listed = {info.name: info for info in list_strategies()}
    assert listed["ema_cross"].error is None
    error = listed["bad_one"].error
    assert error is not None
    assert "NameError" in error
    assert "installed_bad_one.py:3" in error


MEDDLING = """\
from decimal import Decimal, Inexact, getcontext
from pydantic import BaseModel
from tradebot.core.strategy.protocol import Signal

getcontext().prec = 9
getcontext().Emax = 99

class Own:
    class Params(BaseModel):
        n: int = 1
        levels: list[int] = [1, 2]

    def __init__(self, params, symbol):
        self.params, self.warmup = params, 0
        getcontext().prec += 1

    def on_bar(self, bar):
        getcontext().prec += 1
        self.params.n += 1
        self.params.levels.append(self.params.n)
        third = Decimal(1) / 3
        return Signal("exit", 0.5, reason=f"{getcontext().prec} {third} {self.params.levels}")
"""


def test_each_strategy_has_parameters_and_a_decimal_context_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, MEDDLING)
    spec = load_strategy("mine.py:Own", tmp_path)
    outside = str(getcontext())
    one, other = spec.build("BTC/USDT"), spec.build("ETH/USDT")
    with exact():
        said = [strategy.on_bar(BAR) for strategy in (one, one, other)]
        assert EXACT.prec == getcontext().prec  # what calls it is as exact as before
        with pytest.raises(Inexact):
            Decimal(1) / 3
    assert [signal.reason for signal in said if signal] == [
        "11 0.33333333333 [1, 2, 2]",
        "12 0.333333333333 [1, 2, 2, 3]",
        "11 0.33333333333 [1, 2, 2]",
    ]
    assert str(getcontext()) == outside
    assert spec.params.model_dump() == {"n": 1, "levels": [1, 2]}


LOUD = """\
import os, sys
print("loaded")
os.write(1, b"past it\\n")
from pydantic import BaseModel
class Own:
    class Params(BaseModel): n: int = 1
    def __init__(self, params, symbol):
        print("built", symbol)
        sys.__stdout__.write("also past it\\n")
        self.warmup = 0
    def on_bar(self, bar): ...
"""


def test_what_it_prints_while_it_is_loaded_goes_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, LOUD)
    load_strategy("mine.py:Own", tmp_path)
    print("an answer")  # noqa: T201
    said = capfd.readouterr()
    assert said.out == "an answer\n"
    assert sorted(said.err.splitlines()) == sorted(
        ["loaded", "past it", "built BTC/USDT", "also past it"]
    )


def test_a_base_exception_is_a_strategy_error_and_ctrl_c_is_none(tmp_path: Path) -> None:
    write(tmp_path, "class Boom(BaseException): ...\nraise Boom('out')\n")
    assert "Boom: out" in refused(tmp_path).message
    write(tmp_path, "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_strategy("mine.py:Mine", tmp_path)


def test_the_list_describes_parameters() -> None:
    (info,) = (info for info in list_strategies() if info.name == "ema_cross")
    assert info.kind == "built-in"
    assert info.summary
    fast = info.params[0]
    assert (fast.name, fast.type, fast.default, fast.bounds) == ("fast", "int", 20, ">= 1, <= 1000")
    assert all(param.description for param in info.params)


def test_describe_a_file(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    info = describe("mine.py:EveryN", "file", "mine.py", tmp_path)
    assert info.summary == "Long every n bars."
    assert [param.name for param in info.params] == ["every", "word"]
    broken = describe("mine.py:NotAStrategy", "file", "mine.py", tmp_path)
    assert broken.error is not None
    assert "has no Params" in broken.error


OLD = """
from pydantic import BaseModel
from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal


class Mine:
    class Params(BaseModel):
        pass

    def __init__(self, params, symbol):
        self.warmup = 0

    def on_bar(self, bar):
        return Signal("long", 1.0)
"""


def test_what_authors_import_is_what_the_engine_knows(tmp_path: Path) -> None:
    """A file written against the modules themselves goes on working beside the short names."""
    write(tmp_path, OLD)
    assert load_strategy("mine.py:Mine", tmp_path, {}).build("BTC/USDT").warmup == 0
    from tradebot import Signal, Strategy
    from tradebot.core.strategy import protocol

    assert tradebot.Bar is Bar
    assert (Signal, Strategy) == (protocol.Signal, protocol.Strategy)
    with pytest.raises(ImportError, match="Order"):
        from tradebot import Order  # noqa: F401


def test_the_package_says_it_is_typed() -> None:
    assert resources.files("tradebot").joinpath("py.typed").is_file()
