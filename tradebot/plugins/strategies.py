"""Finding, checking and building strategies.

A strategy is named by a built-in name, by an entry point of the group ``tradebot.strategies``, or
as ``FILE.py:CLASS``. What the user asked for wrongly is a ConfigError, what is wrong in the
strategy's code a StrategyError; both say where.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import inspect
import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from tradebot.core.model.errors import ConfigError, StrategyError, TradebotError
from tradebot.core.model.frozen import frozen
from tradebot.core.model.spelling import meant
from tradebot.core.strategy.fault import spoken
from tradebot.core.strategy.protocol import StrategyClass
from tradebot.disk import kind_of
from tradebot.plugins.aside import prints_aside
from tradebot.plugins.room import Housed, Room

GROUP = "tradebot.strategies"
BUILT_IN = {
    "breakout": "tradebot.core.strategy.breakout:Breakout",
    "ema_cross": "tradebot.core.strategy.ema_cross:EmaCross",
    "rsi_reversion": "tradebot.core.strategy.rsi_reversion:RsiReversion",
}
NAME_KEY = "strategy.name"
PARAMS_KEY = "strategy.params"
PROBE = "BTC/USDT"


@frozen
class StrategySpec:
    """A checked strategy with its parameters. ``file`` is its source, ``hash`` its identity.

    The hash is the sha256 of source, class name and canonical parameters, in hex. ``room`` is where the
    file was executed, ``module`` the name it was imported by, "" for one that was named by its file.
    """

    name: str
    cls: StrategyClass
    params: BaseModel
    file: Path
    hash: str
    module: str = ""
    room: Room = field(default_factory=Room, repr=False, compare=False)

    def build(self, symbol: str) -> Housed:
        """Return the strategy of one symbol, with parameters and a room of its own.

        StrategyError if its constructor raises, or if it does not know its warm-up.
        """
        room = self.room.beside()
        with _blaming(f"strategy {self.name} cannot be built for {symbol}", self.file):
            own = room.run(self.cls, self.params.model_copy(deep=True), symbol)
            warmup = getattr(own, "warmup", None)
        if isinstance(warmup, int) and not isinstance(warmup, bool) and warmup >= 0:
            return Housed(own, room)
        what = "has no warmup" if warmup is None else f"has a warmup of {spoken(warmup, repr)}"
        raise StrategyError(
            f"strategy {self.name} {what}",
            file=str(self.file),
            line=_line_of(self.cls),
            hint="set self.warmup to the bars needed before the first signal, a whole number",
        )


@frozen
class ParamInfo:
    """One parameter of a strategy: its type in words, default and bounds."""

    name: str
    type: str
    default: Any
    bounds: str
    description: str


@frozen
class StrategyInfo:
    """A strategy that can be named. ``error`` says why it does not load, None if it does."""

    name: str
    kind: str
    source: str
    summary: str
    params: tuple[ParamInfo, ...]
    error: str | None = None


@frozen
class _Found:
    """A class and the source it came from."""

    cls: type
    file: Path
    source: bytes
    module: str = ""


MEND = "mend that line, or install what it imports where tradebot is: tradebot strategies --hash FILE:CLASS says when it loads"
"""The way out where a strategy's file does not load."""


def load_strategy(
    spec: str, base_dir: Path, params: Mapping[str, Any] | None = None
) -> StrategySpec:
    """Return the named strategy with checked parameters.

    ``spec`` is a name or ``FILE.py:CLASS`` relative to ``base_dir``. Raises ConfigError (unknown
    name, file, class or parameter) or StrategyError (does not import, is not shaped like a
    strategy).
    """
    room = Room()
    found = _find(spec, base_dir, room)
    name = spec if ":" not in spec else f"{found.file.name}:{found.cls.__name__}"
    checked = _checked_params(name, _params_class(name, found), params or {}, found.file)
    _check_shape(name, found)
    loaded = StrategySpec(
        name=name,
        cls=cast(StrategyClass, found.cls),
        params=checked,
        file=found.file,
        hash=strategy_hash(found.source, found.cls.__name__, checked),
        module=found.module,
        room=room,
    )
    loaded.build(PROBE)  # to see that it can be
    return loaded


def strategy_hash(source: bytes, class_name: str, params: BaseModel) -> str:
    """Return the sha256 (hex) of the source, the class's name and the parameters as sorted JSON."""
    values = params.model_dump(mode="json")
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256()
    for part in (source, class_name.encode(), canonical.encode()):
        digest.update(len(part).to_bytes(8, "big"))  # so that parts cannot flow into each other
        digest.update(part)
    return digest.hexdigest()


def list_strategies() -> list[StrategyInfo]:
    """Return every built-in and installed strategy by name; a broken one carries its error."""
    points = importlib.metadata.entry_points(group=GROUP)
    kinds = {point.name: ("installed", point.value) for point in points}
    kinds |= {name: ("built-in", value) for name, value in BUILT_IN.items()}
    return [describe(name, kind, source) for name, (kind, source) in sorted(kinds.items())]


def describe(name: str, kind: str, source: str, base_dir: Path | None = None) -> StrategyInfo:
    """Return what a user wants to know of a strategy; ``name`` may be ``FILE.py:CLASS``."""
    try:
        found = _find(name, base_dir or Path(), Room())
        model = _params_class(name, found)
        _check_shape(name, found)
    except TradebotError as error:
        return StrategyInfo(name, kind, source, "", (), str(error))
    summary = (inspect.getdoc(found.cls) or "").partition("\n")[0]
    return StrategyInfo(name, kind, source, summary, tuple(_describe_params(model)))


def _describe_params(model: type[BaseModel]) -> Iterator[ParamInfo]:
    for name, part in model.model_fields.items():
        kind = getattr(part.annotation, "__name__", str(part.annotation))
        default = "required" if part.is_required() else part.get_default(call_default_factory=True)
        signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
        bounds = [
            f"{sign} {getattr(item, attr)}"
            for item in part.metadata
            for attr, sign in signs.items()
            if getattr(item, attr, None) is not None
        ]
        yield ParamInfo(name, kind, default, ", ".join(bounds), part.description or "")


def _find(spec: str, base_dir: Path, room: Room) -> _Found:
    if ":" in spec or spec.endswith(".py"):
        return _from_file(spec, base_dir, room)
    target = BUILT_IN.get(spec) or _installed().get(spec)
    if target is None:
        raise _unknown_name(spec)
    module_name, _, class_name = target.partition(":")
    with _blaming(f"strategy {spec} does not import", None):
        module = room.run(importlib.import_module, module_name)
    file = Path(module.__file__ or module_name)
    cls = _class_in(module, class_name, file, StrategyError)
    try:
        return _Found(cls, file, file.read_bytes(), module_name)
    except OSError:  # installed without its source: what it was compiled to is its identity
        return _Found(cls, file, inspect.getsource(cls).encode(), module_name)


def _installed() -> dict[str, str]:
    return {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}


def _unknown_name(spec: str) -> ConfigError:
    known = sorted({*BUILT_IN, *_installed()})
    hint = meant(spec, known, "a file is named as FILE.py:CLASS")
    return ConfigError(
        f'unknown strategy "{spec}"; known: {", ".join(known)}', key=NAME_KEY, hint=hint
    )


def _from_file(spec: str, base_dir: Path, room: Room) -> _Found:
    path, _, class_name = spec.rpartition(":")
    if not path or not class_name or class_name.endswith(".py"):
        raise ConfigError(
            f'"{spec}" does not name a class',
            key=NAME_KEY,
            hint="write it as FILE.py:CLASS, for example my_strategy.py:MyStrategy",
        )
    file = base_dir / Path(path).expanduser()
    try:
        kind = kind_of(file)
        if kind is not None:
            raise ConfigError(f"the strategy's file is {kind[0]}", key=NAME_KEY, file=str(file))
        source = file.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"strategy file cannot be read: {getattr(error, 'strerror', None) or error}",
            key=NAME_KEY,
            file=str(file),
            hint="the path is relative to the configuration file",
        ) from None
    return _Found(_class_in(_run(file, source, room), class_name, file, ConfigError), file, source)


def _run(file: Path, source: bytes, room: Room) -> ModuleType:
    """Execute a strategy's file as a module: exactly the bytes that are hashed."""
    module = ModuleType(f"tradebot_strategy_{hashlib.sha256(source).hexdigest()[:12]}")
    module.__file__ = str(file)
    with _blaming("the strategy's file does not import", file, MEND), _beside(file):
        code = compile(source, str(file), "exec", dont_inherit=True)
        sys.modules[module.__name__] = module  # dataclasses and pydantic look their module up
        room.run(exec, code, module.__dict__)
    return module


@contextmanager
def _beside(file: Path) -> Iterator[None]:
    """Let the file import its neighbours, as a script could; while it runs too.

    First on the path while it is loaded, and last from then on: nothing that we import later may be
    taken for a file of the same name that lies there.
    """
    folder = str(file.parent.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)


@contextmanager
def _blaming(what: str, file: Path | None, hint: str | None = None) -> Iterator[None]:
    """Turn whatever the user's code raises into a StrategyError with the file and line of it, and a way out.

    What it prints goes to stderr.
    """
    try:
        with prints_aside():
            yield
    except (TradebotError, KeyboardInterrupt):
        raise
    except BaseException as error:
        where, line = _place(error, file)
        words = spoken(error)
        text = f"{what}: {type(error).__name__}" + (f": {words}" if words else "")
        raise StrategyError(text, hint=hint, file=where, line=line) from error


def _place(error: BaseException, file: Path | None) -> tuple[str | None, int | None]:
    """Return the innermost line of the strategy's own file in the traceback, else the innermost."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    real = [frame for frame in frames[1:] if not frame.filename.startswith("<frozen")]
    own = [frame for frame in real if file is not None and frame.filename == str(file)] or real
    return (
        (own[-1].filename, own[-1].lineno) if own else (None if file is None else str(file), None)
    )


def _class_in(module: ModuleType, name: str, file: Path, error: type[TradebotError]) -> type:
    cls = getattr(module, name, None)
    if inspect.isclass(cls):
        return cls
    classes = [
        n for n, c in vars(module).items() if inspect.isclass(c) and c.__module__ == module.__name__
    ]
    hint = meant(name, classes, f"classes in it: {', '.join(classes) or 'none'}")
    raise error(
        f'no class "{name}" in the strategy\'s file', key=NAME_KEY, file=str(file), hint=hint
    )


def _line_of(item: object) -> int | None:
    try:
        return inspect.getsourcelines(cast(Any, item))[1]
    except (OSError, TypeError):
        return None


def _params_class(name: str, found: _Found) -> type[BaseModel]:
    model = getattr(found.cls, "Params", None)
    if inspect.isclass(model) and issubclass(model, BaseModel):
        return model
    raise StrategyError(
        f"strategy {name} has no Params",
        file=str(found.file),
        line=_line_of(found.cls),
        hint="give the class a pydantic model: class Params(BaseModel): fast: int = 20",
    )


def _check_shape(name: str, found: _Found) -> None:
    """Check that the class can be built and called as the engine does."""
    _check_call(name, found, "__init__", "(self, params, symbol)", 3)
    _check_call(name, found, "on_bar", "(self, bar)", 2)


def _check_call(name: str, found: _Found, method: str, wanted: str, count: int) -> None:
    function = getattr(found.cls, method, None)
    if inspect.isfunction(function) and not inspect.iscoroutinefunction(function):
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            pass
        else:
            return
    own = function if inspect.isfunction(function) else found.cls
    raise StrategyError(
        f"strategy {name}: {method} must be callable as {wanted}",
        file=str(found.file),
        line=_line_of(own),
        hint=f"write def {method}{wanted}",
    )


def _checked_params(
    name: str, model: type[BaseModel], params: Mapping[str, Any], file: Path
) -> BaseModel:
    """Return the parameters as the strategy's model; ConfigError lists all that is wrong."""
    known = {*model.model_fields, *(f.alias for f in model.model_fields.values() if f.alias)}
    if model.model_config.get("extra") == "allow":
        known |= set(params)
    problems = [_unknown_param(name, key, known) for key in params if key not in known]
    usable = {key: value for key, value in params.items() if key in known}
    checked: BaseModel | None = None
    with _blaming(f"the parameters of strategy {name} cannot be read", file):
        try:
            checked = model.model_validate(usable)
        except ValidationError as error:
            problems += [_explained(name, dict(item)) for item in error.errors()]
    if checked is None or problems:
        raise _together(problems)
    return checked


def _together(problems: list[ConfigError]) -> ConfigError:
    first, *rest = problems
    lines = [f"{item}; {item.hint}" if item.hint else str(item) for item in rest]
    return ConfigError("\n".join([first.message, *lines]), key=first.key, hint=first.hint)


def _unknown_param(name: str, key: str, known: set[str]) -> ConfigError:
    return ConfigError(
        f"strategy {name} has no such parameter",
        key=f"{PARAMS_KEY}.{key}",
        hint=meant(key, sorted(known)),
    )


def _explained(name: str, error: Mapping[str, Any]) -> ConfigError:
    path = ".".join(str(part) for part in error["loc"])
    cause = error.get("ctx", {}).get("error")
    text = str(cause or error["msg"][:1].lower() + error["msg"][1:])
    if path and error["type"] != "missing":
        text += f", got {error['input']!r}"
    key = f"{PARAMS_KEY}.{path}" if path else PARAMS_KEY
    return ConfigError(f"{text} (strategy {name})", key=key)


__all__ = [
    "ParamInfo",
    "StrategyInfo",
    "StrategySpec",
    "describe",
    "list_strategies",
    "load_strategy",
]
