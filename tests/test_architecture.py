"""The walls that tools cannot see: who makes approvals, how large files and functions are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "tradebot"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield node.module, name.name


def test_only_the_gate_holds_the_seal() -> None:
    """Approved has two makers. The codec rebuilds journalled ones for replay; nothing it makes is sent."""
    holders = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if ("tradebot.core.model.approved", "SEAL") in set(imports(path))
    }
    assert holders == {"core/risk/gate.py", "core/model/codec.py"}
    # of what can send or run, nothing imports the codec
    users = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if any("codec" in (module.rpartition(".")[2], name) for module, name in imports(path))
    }
    assert all(user.startswith("journal/") for user in users), users


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_module_reads_the_clock(path: Path) -> None:
    if path == PACKAGE / "clock.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert "time" not in {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module != "time"
        elif isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today") or not _is_datetime(node.value)


def _is_datetime(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("datetime", "date")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_process_of_ours_takes_no_module_from_where_it_is_started(path: Path) -> None:
    """``-P``: a strategy called ``signal.py`` in the working directory must not stand in for Python's own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        words = node.elts if isinstance(node, ast.List | ast.Tuple) else []
        if words and ast.unparse(words[0]) == "sys.executable":
            assert ast.literal_eval(words[1]) == "-P", f"{path}:{words[0].lineno}"


LINES = 450
LONGEST = 60


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST or _only_declares(node), f"{node.name} has {length} lines"


def _only_declares(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a command's signature: long for its options, not for what it does."""
    body = node.body[0]
    return (node.end_lineno or 0) - body.lineno + 1 <= LONGEST // 2


METHODS = 25
TRADING = [path for path in FILES if path.parent == PACKAGE / "core" / "trading"]


@pytest.mark.parametrize("path", TRADING, ids=lambda p: p.name)
def test_no_class_of_the_engine_does_everything(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
            assert len(methods) <= METHODS, f"{node.name} has {len(methods)}"


SHARED_NAMES = {
    "Params": "every strategy's own parameters, by CONTRACT's name for them",
}
"""Names that several classes have for a reason."""


def test_a_name_is_one_class() -> None:
    """Two classes of one name in two files: a reader of one takes it for the other."""
    homes: dict[str, set[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(str(path.relative_to(PACKAGE)))
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert set(twice) == set(SHARED_NAMES), twice


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "core" / "trading").glob("*.py")), ids=lambda p: p.name
)
def test_what_decides_on_trades_is_in_small_classes(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            assert len(methods) <= 25, f"{node.name} has {len(methods)} methods"


ALERTS = sorted((PACKAGE / "alerts").glob("*.py"))
REMOTE = (*ALERTS, *sorted((PACKAGE / "app").glob("alert*.py")), PACKAGE / "app" / "phone.py")
"""What a word from a phone passes through."""


def test_alerts_can_build_only_a_halt_and_a_close_all() -> None:
    """No resume, start, stop, order, size or setting can be asked for from a phone: nothing there could build it."""
    from typing import get_args

    from tradebot.alerts.desk import RemoteAct, RemoteActName
    from tradebot.alerts.model import Commander

    assert get_args(RemoteActName) == ("halt", "close-all")
    assert RemoteAct.__dataclass_fields__["name"].type == "RemoteActName"
    methods = {name for name in vars(Commander) if not name.startswith("_")}
    assert methods == {"halt", "close_all"}


@pytest.mark.parametrize("path", REMOTE, ids=lambda p: p.name)
def test_what_a_phone_says_passes_nothing_that_could_trade(path: Path) -> None:
    """It names its acts in plain text, and knows neither engine, orders, brokers nor what resumes."""
    forbidden = ("tradebot.core.trading", "tradebot.core.risk", "tradebot.broker", "tradebot.wire")
    found = set(imports(path))
    assert not [module for module, _ in found if module.startswith(forbidden)], path
    assert not {name for _, name in found} & {"resume", "clear_halt", "act", "Command", "Approved"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Request":
            assert isinstance(node.args[0], ast.Constant), f"{path}: an act must be plain to see"
            assert node.args[0].value in ("halt", "close-all")
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "post_command":
            assert ast.unparse(node.args[1]) == "request.name"
