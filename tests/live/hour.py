"""Play the hour from the command line: ``python tests/live/hour.py --minutes 60 --folder DIR``; see ``kits/hour_kit``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kits import hour_kit


def main() -> int:
    """Play, compare, print; 0 when the books agree and all runs ended as they should."""
    parser = argparse.ArgumentParser(description=hour_kit.__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clock", default=hour_kit.CLOCK, help="the venue's time at the start")
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    words = parser.parse_args()
    words.folder.mkdir(parents=True, exist_ok=True)
    parties, venue = hour_kit.play(words.folder, words.minutes, words.seed, words.clock)
    differences = hour_kit.compare(parties[0], venue)
    print(json.dumps(hour_kit.report(parties, venue, differences), indent=1, default=str))  # noqa: T201
    good = not differences and all(party.code == party.verified == 0 for party in parties)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
