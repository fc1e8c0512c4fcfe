"""A gate can only judge by what is read of the chain: each kind of row that one looks for is among those that are decoded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import tradebot
from tradebot.core.model.effects import Effect
from tradebot.journal.facts import TOLD
from tradebot.journal.testimony import KINDS, OF_LIVE

PACKAGE = Path(tradebot.__file__).parent
JUDGES = (*(PACKAGE / "reports" / "readiness").glob("*.py"), PACKAGE / "app" / "readiness.py")
FACTS = {"RunBegun", "RunResumed", "RunEnded", *TOLD, *(kind.__name__ for kind in get_args(Effect))}


def looked_for(tree: ast.Module) -> Iterator[str]:
    """Yield the names of classes that a module asks a value to be one of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            yield ast.unparse(node.cls)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            yield from (ast.unparse(one) for one in _each(node.args[1]))


def _each(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp):
        yield from (*_each(node.left), *_each(node.right))
    else:
        yield from node.elts if isinstance(node, ast.Tuple) else (node,)


def test_every_kind_of_row_that_a_gate_looks_for_is_read() -> None:
    wanted = {
        name for file in JUDGES for name in looked_for(ast.parse(file.read_text(encoding="utf-8")))
    }
    known = {
        "AccountCompared",
        "ClosedAll",
        "DrillPlayed",
        "GhostClosed",
        "Place",
        "RunEnded",
        "SignedOff",
    }
    assert known <= wanted & FACTS
    assert wanted & FACTS <= KINDS | OF_LIVE
