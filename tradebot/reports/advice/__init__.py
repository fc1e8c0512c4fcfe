"""What the closed trades say should be changed: mostly nothing, and never more than they can carry."""
