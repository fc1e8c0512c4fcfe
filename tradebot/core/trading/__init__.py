"""The engine: from event to effects."""
