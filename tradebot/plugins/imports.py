"""Which files a strategy is made of: its own, and every module it imports that is the user's own code.

Found in the source, without running it: imports anywhere in a file count, inside functions too. What is only known
when it runs (``importlib``, a data file) cannot be seen.
"""

from __future__ import annotations

import ast
import pkgutil
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from tradebot.core.model.errors import StrategyError

PACKAGE = "tradebot"

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Directories of installed packages, of whatever environment."""


def modules_of(file: Path, module: str = "") -> dict[str, Path]:
    """Return by name the files of the user's own modules that a strategy's file imports, at any remove.

    ``module`` is the file's own name where it is a part of an installed package: then the modules of that package
    are the user's own, wherever it lies. StrategyError for one that does not parse.
    """
    search = Search(file.parent.resolve(), own=module.partition(".")[0])
    found: dict[str, Path] = {}
    waiting = [(module, file)]
    while waiting:
        name, path = waiting.pop()
        for wanted in _imports(path, name, is_package=path.name == "__init__.py"):
            for part, where in search.locate(wanted):
                if part not in found and where != file:
                    found[part] = where
                    waiting.append((part, where))
    return dict(sorted(found.items()))


class Search:
    """Where modules are looked for: in the strategy's folder first, as when it is loaded."""

    def __init__(self, folder: Path, own: str = "") -> None:
        self._folder = folder
        self._path = [str(folder), *sys.path]
        self._own = own
        self._others = tuple(_installed_places())

    def locate(self, name: str) -> Iterator[tuple[str, Path]]:
        """Yield name and file of a module and of every package around it, as far as they are the user's own.

        ``package.*`` is every module that lies in a package.
        """
        top = name.partition(".")[0]
        if top == PACKAGE:  # all of it is a part of its own
            return
        path: Sequence[str] | None = self._path
        dotted = ""
        for part in name.split("."):
            if part == "*":
                for child in pkgutil.iter_modules(path or ()):
                    yield from self.locate(f"{dotted}.{child.name}")
                return
            dotted = f"{dotted}.{part}" if dotted else part
            spec = None if path is None else PathFinder.find_spec(dotted, path)
            if spec is None:
                return
            origin = spec.origin if spec.has_location else None
            if origin is not None and self._is_own(top, Path(origin)):
                yield dotted, Path(origin)
            path = spec.submodule_search_locations

    def _is_own(self, top: str, file: Path) -> bool:
        if self._own and top == self._own:
            return True
        if file.is_relative_to(self._folder):  # a link there is the user's own, wherever it leads
            beside = file.relative_to(self._folder).parts
            if not INSTALLED.intersection(beside) and not self._is_installed(file):
                return True
        there = file.resolve()
        if INSTALLED.intersection(there.parts):
            return False
        return not self._is_installed(there)

    def _is_installed(self, file: Path) -> bool:
        return any(file.is_relative_to(place) for place in self._others)


def _installed_places() -> Iterator[Path]:
    """Yield the directories of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for place in {*named, *site.getsitepackages(), site.getusersitepackages()}:
        yield Path(place).resolve()


def _imports(file: Path, module: str, *, is_package: bool) -> Iterator[str]:
    """Yield the dotted names that a file may import; not all of them need be modules."""
    if file.suffix != ".py":  # a compiled module: its bytes count, what it imports cannot be seen
        return
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, is_package=is_package)
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """Return the full name that a ``from ... import`` starts from, "" where it leads out of its package."""
    if not node.level:
        return node.module or ""
    around = module.split(".") if is_package else module.split(".")[:-1]
    up = node.level - 1
    around = around[: len(around) - up] if up < len(around) else []
    return ".".join([*around, *([node.module] if node.module else [])]) if around else ""


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        text = f"a module of the strategy does not parse: {error.msg}"
        raise StrategyError(text, file=str(file), line=error.lineno) from None
    except (OSError, ValueError, RecursionError) as error:
        text = f"a module of the strategy cannot be read: {error}"
        raise StrategyError(text, file=str(file)) from None
