"""Lets the tests of this folder import ``gate_desk`` and the kit of the folder above."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
