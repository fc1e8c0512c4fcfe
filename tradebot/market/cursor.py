"""Where a stream of prices stands, in words that only its source understands."""

from __future__ import annotations

from typing import Any, TypeAlias

Cursor: TypeAlias = dict[str, Any]
"""JSON values. A run keeps them with its state, and gives them back to the source it goes on with."""
