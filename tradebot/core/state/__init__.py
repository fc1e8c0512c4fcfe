"""What the engine remembers: orders, positions, halts."""
