"""The pure core: every trading decision, and no I/O, clock, randomness or await."""
