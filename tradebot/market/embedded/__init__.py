"""The seeded market that needs no network."""
