"""What a month was worth, why, and what to change: one value, made of a journal's rows, and its faces."""
