"""The import contracts bite: what they are there for is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def contracts(tmp_path: Path, module: str, imports: str) -> subprocess.CompletedProcess[str]:
    """Check a copy of the package with one module more."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tradebot", tmp_path / "tradebot", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "tradebot" / module
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    path.write_text(f"from {imports.rpartition('.')[0]} import {imports.rpartition('.')[2]}\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = ["lint-imports", "--no-cache"]
    return subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("module", "imports", "said"),
    [
        ("broker/live.py", "tradebot.tui.app", "tradebot.broker.live -> tradebot.tui.app"),
        ("market/more.py", "tradebot.journal.reader", "tradebot.market is not allowed"),
        ("core/risk/more.py", "tradebot.core.simulated.account", "core.risk is not allowed"),
        ("core/trading/more.py", "tradebot.core.ghost.ghosts", "core.trading is not allowed"),
        ("anywhere/more.py", "tradebot.core.model.money", "tradebot.anywhere"),
    ],
)
def test_what_the_layers_refuse(tmp_path: Path, module: str, imports: str, said: str) -> None:
    done = contracts(tmp_path, module, imports)
    assert done.returncode == 1, done.stdout
    assert said in done.stdout
