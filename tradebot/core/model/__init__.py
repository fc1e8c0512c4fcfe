"""The values, events and effects everything else speaks in."""
