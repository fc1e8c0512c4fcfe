"""What evidence binds to: one hash over everything that can change what a strategy would do.

Its own source and that of the modules it imports, class, parameters, timeframe, symbols, this program's version and
files, and the limits of all stages. The places where files lie are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

import tradebot
from tradebot.core.model.errors import StrategyError
from tradebot.core.model.frozen import frozen
from tradebot.core.risk import ceilings
from tradebot.plugins.compiled import refuse_stranger
from tradebot.plugins.imports import modules_of
from tradebot.plugins.strategies import StrategySpec

FILES = "*.py"


@frozen
class Part:
    """A part of an evidence hash. ``value`` is its sha256 (hex) where it is a file's, else what it says itself."""

    name: str
    value: str


@frozen
class EvidenceHash:
    """The hash (sha256, hex) that evidence binds to, and the parts it is over."""

    hash: str
    parts: tuple[Part, ...]


def evidence_of(spec: StrategySpec, timeframe: str, symbols: Iterable[str]) -> EvidenceHash:
    """Return the evidence hash of a strategy as it would be run; StrategyError where a part cannot be read."""
    parts = (
        *_sources(spec),
        Part("class", spec.cls.__name__),
        Part("parameters", _canonical(_values(spec.params))),
        Part("timeframe", timeframe),
        Part("symbols", ", ".join(sorted(set(symbols)))),
        Part("version", tradebot.__version__),
        Part("tradebot's files", _files_hash(Path(tradebot.__file__).parent)),
        Part("limits of all stages", _canonical(_constants())),
    )
    return EvidenceHash(_hash_of(parts), parts)


def _sources(spec: StrategySpec) -> Iterator[Part]:
    yield Part(f"strategy {spec.file.name}", _file_hash(spec.file))
    if spec.module.partition(".")[0] == tradebot.__name__:
        return  # it is among tradebot's own files
    for name, file in modules_of(spec.file, spec.module).items():
        if file.suffix == ".py":
            refuse_stranger(file)
        yield Part(f"module {name}", _file_hash(file))


def _values(params: BaseModel) -> dict[str, object]:
    """Return every parameter, also one that its model keeps out of what is written, and of those it was given besides."""
    values = {name: getattr(params, name) for name in type(params).model_fields}
    return {
        name: to_jsonable_python(value, fallback=repr)
        for name, value in {**values, **(params.model_extra or {})}.items()
    }


def _file_hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        text = f"a file of the strategy cannot be read: {error.strerror}"
        raise StrategyError(text, file=str(file)) from None


def _files_hash(folder: Path) -> str:
    """Return one sha256 over names and contents of all source files below a folder."""
    files = sorted(folder.rglob(FILES), key=lambda file: file.relative_to(folder).as_posix())
    return _hash_of(Part(file.relative_to(folder).as_posix(), _file_hash(file)) for file in files)


def _constants() -> dict[str, str]:
    return {name: str(value) for name, value in vars(ceilings).items() if name.isupper()}


def _hash_of(parts: Iterable[Part]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for text in (part.name, part.value):
            digest.update(
                len(text.encode()).to_bytes(8, "big")
            )  # so that parts cannot flow together
            digest.update(text.encode())
    return digest.hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
