"""Assembly: one file for each thing that a command starts."""
