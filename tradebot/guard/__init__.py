"""What keeps one engine, and its latch, safe on this machine."""
