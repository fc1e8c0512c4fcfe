"""ccxt's Binance client without the hundred other exchanges that its packages import.

``import ccxt.pro`` costs 109 MB, because each of its packages imports every exchange it knows. Behind stub
packages that import nothing the one class costs half. The stubs are gone afterwards: who imports ccxt later
gets the real packages, on the same modules.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_ONE_AT_A_TIME = threading.Lock()
"""Two threads that import at once would each find the other's stubs."""

PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")


def load_class() -> Any:
    """Return the class ``ccxt.pro.binanceusdm``; by a plain import where the cheap one does not work. Safe from any thread."""
    with _ONE_AT_A_TIME:
        return _load()


def _load() -> Any:
    if not any(name in sys.modules for name in PACKAGES):
        try:
            return _load_cheaply()
        except (
            ImportError,
            AttributeError,
        ):  # another ccxt: its modules want more of their packages
            pass
    return import_module("ccxt.pro").binanceusdm


def _load_cheaply() -> Any:
    before = set(sys.modules)
    stubs: list[str] = []
    try:
        root = _stub("ccxt", stubs)
        errors = import_module("ccxt.base.errors")
        vars(root).update({k: v for k, v in vars(errors).items() if isinstance(v, type)})
        vars(root)["Exchange"] = import_module("ccxt.base.exchange").Exchange
        rest = _stub("ccxt.async_support", stubs)
        for name in ("binance", "binanceusdm"):
            vars(rest)[name] = getattr(import_module(f"ccxt.async_support.{name}"), name)
        _stub("ccxt.pro", stubs)
        return import_module("ccxt.pro.binanceusdm").binanceusdm
    except BaseException:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == "ccxt":
                del sys.modules[name]
        raise
    finally:
        for name in stubs:
            sys.modules.pop(name, None)


def _stub(name: str, stubs: list[str]) -> ModuleType:
    """Put an empty package in the place of a real one: its modules are found, its own code is not run."""
    spec = find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{name} is no package")
    package = ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules[name] = package
    stubs.append(name)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
    return package
