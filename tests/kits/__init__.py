"""What several tests share: one kit a module, importable as ``kits.NAME`` (pyproject puts tests on the path)."""
