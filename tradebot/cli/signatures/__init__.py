"""The commands' signatures; their bodies import what they need when they run."""
