"""The journal: one SQLite file, one writer, many readers."""
