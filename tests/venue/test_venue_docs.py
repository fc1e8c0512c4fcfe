"""What docs/venue.md says of faults and codes is what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tradebot.venue.errors import MESSAGES
from tradebot.venue.kinds import KINDS
from tradebot.venue.reach import EVENTS, Reach
from tradebot.venue.routes import ROUTES
from tradebot.venue.rules import load_rules

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "venue.md").read_text(encoding="utf-8")


def part(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_endpoint_and_every_event_is_in_its_table() -> None:
    """With its worth: each row says recorded, documented or guessed at least once."""
    endpoints, streams = part("Endpoints"), part("Streams")
    paths = {re.sub(r"^/(fapi/v1|sapi/v1|fapi(?=/v))/", "", path) for _, path in ROUTES}
    assert [path for path in sorted(paths) if path not in endpoints] == []
    assert [event for event in EVENTS if event not in streams] == []
    for line in (endpoints + streams).splitlines():
        if line.startswith("| ") and not line.startswith(("| endpoint", "| event")):
            assert re.search("recorded|documented|guessed|names|reported|always", line), line


def test_every_fault_is_in_the_table_and_no_other() -> None:
    rows = [line.split("|")[1] for line in part("Faults").splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(KINDS)


def test_the_codes_that_are_never_answered() -> None:
    never, scripted = part("Codes that it never answers by itself").split("An `answer`")
    assert not {int(code) for code in re.findall(r"-\d{4}", never)} & set(MESSAGES)
    told = scripted.split("An `error`")[1]
    assert {int(code) for code in re.findall(r"-\d{4}", told)} < set(MESSAGES)


def test_the_faults_file_of_the_readme_is_one(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    texts = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    (text,) = (text for text in texts if "fault" in tomllib.loads(text))
    (tmp_path / "faults.toml").write_text(text, encoding="utf-8")
    reach = Reach(frozenset(ROUTES), frozenset(["BTCUSDT"]))
    assert [rule.do for rule in load_rules(tmp_path / "faults.toml", reach)] == [
        "accept_then_timeout"
    ]
