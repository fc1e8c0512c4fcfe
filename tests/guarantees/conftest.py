"""Lets the tests of this folder use the kits beside them (test folders are no packages)."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / name) for name in ("core", "walls", "cli")]
