"""``tradebot --help`` beside a Typer app of the same size that does nothing, and what it imports.

The idle app is made from tradebot's own command line: the same commands, options and help, every body
a ``pass``, nothing imported but typer. What is left between the two is what tradebot adds.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

import measure

HEAVY = ("ccxt", "textual", "aiohttp", "pydantic", "sqlite3", "aiosqlite")
TARGET = 1.3

SIGNATURES = Path(__file__).resolve().parents[2] / "tradebot" / "cli" / "signatures"
SOURCES = (
    "app",
    "arguments",
    *(f"signatures.{path.stem}" for path in sorted(SIGNATURES.glob("[!_]*.py"))),
)
PACKAGE = "tradebot.cli"

BOT = "import sys; from tradebot.__main__ import main; sys.exit(main({words!r}))"
IDLE = "import sys; from idle.app import app; app({words!r}, prog_name='tradebot')"
LOOK = """
import json, sys
from tradebot.__main__ import main
main(['--help'])
print('RESULT ' + json.dumps({"loaded": [name for name in HEAVY if name in sys.modules]}))
"""


class Emptied(ast.NodeTransformer):
    """Leaves signatures, decorators and help; drops what functions do and what they would need."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Keep the docstring of a body only, and whole what makes one signature of two commands."""
        if node.name in ("run_options", "takes_run_options"):
            return node
        said = ast.get_docstring(node)
        node.body = [ast.Expr(ast.Constant(said))] if said else [ast.Pass()]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        """Point to the idle copies; drop every other import of the bot but what options are read with."""
        if node.module in ("tradebot.core.model.text", f"{PACKAGE}.options"):
            return node
        if not (node.module or "").startswith("tradebot"):
            return node
        inner = (node.module or "").removeprefix(f"{PACKAGE}.")
        if inner in SOURCES:
            return ast.ImportFrom(f"idle.{inner}", node.names, 0)
        copies = [name for name in node.names if name.name in SOURCES]
        return ast.ImportFrom("idle", copies, 0) if copies else None


def write_idle(folder: Path) -> None:
    """Write the package ``idle`` into a folder."""
    package = folder / "idle"
    package.mkdir()
    (package / "signatures").mkdir()
    for folder_ in (package, package / "signatures"):
        (folder_ / "__init__.py").touch()
    for name in SOURCES:
        spec = importlib.util.find_spec(f"{PACKAGE}.{name}")
        assert spec is not None
        assert spec.origin is not None
        tree = Emptied().visit(ast.parse(Path(spec.origin).read_text()))
        (package / f"{name.replace('.', '/')}.py").write_text(
            ast.unparse(ast.fix_missing_locations(tree))
        )


def main() -> None:
    """Run from the command line."""
    parser = measure.options(str(__doc__), runs=15)
    args = parser.parse_args()
    words = ["--help"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_idle(folder)
        bot = [sys.executable, "-c", BOT.format(words=words)]
        idle = [sys.executable, "-c", IDLE.format(words=words)]
        env = {"PYTHONPATH": str(folder)}
        shown = [measure.run(command, env=env).out for command in (bot, idle)]  # fills the caches
        done = measure.interleave(
            args.runs,
            {
                "tradebot": lambda: measure.run(bot),
                "idle": lambda: measure.run(idle, env=env),
            },
        )
    loaded = measure.run([sys.executable, "-c", f"HEAVY = {HEAVY!r}{LOOK}"]).result()["loaded"]
    own, other = (measure.median([ran.wall_s for ran in done[n]]) for n in ("tradebot", "idle"))
    data = {
        "runs": args.runs,
        "tradebot_s": own,
        "idle_s": other,
        "ratio": round(own / other, 2),
        "target": TARGET,
        "same_help": shown[0].splitlines() == shown[1].splitlines(),
        "heavy_modules_loaded": loaded,
    }
    table: list[list[Any]] = [
        ["tradebot --help", "s"],
        ["tradebot", own],
        ["idle app of the same size", other],
        [f"ratio (<= {TARGET})", data["ratio"]],
        ["same help text", "yes" if data["same_help"] else "no"],
        ["heavy modules loaded", ", ".join(loaded) or "none"],
    ]
    measure.answer(args, data, table)


if __name__ == "__main__":
    main()
