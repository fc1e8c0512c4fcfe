"""Market data: files and the embedded market."""
