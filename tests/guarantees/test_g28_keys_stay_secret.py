"""Promise 28: a planted secret is nowhere: no log, journal, JSON, list of processes, error, whatever goes wrong.

That live refuses keys which may do too much is live mode's own; ``doctor`` says it of every key.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_bot, demo_venue, demo_words
from kits.paper_kit import Bot

MORNING = "2026-11-26T09:30:40Z"
TROUBLE = """
[[fault]]
do = "error"
code = -1022
path = "/fapi/v1/income"
[[fault]]
do = "answer"
status = 400
body = "<html>no</html>"
path = "/fapi/v1/openOrders"
probability = 0.5
[[fault]]
do = "disconnect_all"
at_s = 12
every_s = 9
"""
ALIVE = ("account --json", "doctor", "keys show --demo")
DEAD = ("account", "close-all --wait 1s --json")


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def told(venue: DemoVenue, text: str) -> list[str]:
    """Return which of the account's secrets a text holds; the key itself is one too."""
    return [word for word in (venue.key, venue.secret) if word in text]


@pytest.mark.slow
def test_a_planted_secret_is_nowhere(tmp_path: Path) -> None:
    rules = tmp_path / "trouble.toml"
    rules.write_text(TROUBLE)
    outside, home = tmp_path / "venue", tmp_path / "bot"
    outside.mkdir()
    home.mkdir()
    with demo_venue(outside, MORNING, "--faults", str(rules)) as venue:
        bot = demo_bot(home, venue)
        bot.env["TRADEBOT_EXCHANGE__URL"] = venue.url
        bot.env["TRADEBOT_EXCHANGE__ENVIRONMENT"] = "demo"
        try:
            run = bot.start(*demo_words(venue, "ema_cross"))
            bot.until(lambda: venue.asked("GET", "/fapi/v1/income") and bot._beats())
            said = [seen(bot, command) for command in ALIVE]
            said.append(Path(f"/proc/{run.pid}/cmdline").read_text())
            run.kill()
            said += run.communicate()
            bot.env["TRADEBOT_BINANCE_DEMO_SECRET"] = "y" * 64  # one that is wrong
            said += [seen(bot, command) for command in DEAD]
            for text in said:
                assert not told(venue, text), text[:400]
            written = files_of(home)
            assert any(path.suffix == ".db" for path in written)
            for path in written:
                assert not told(venue, path.read_bytes().decode("latin-1")), path
        finally:
            bot.clean_up()


def seen(bot: Bot, command: str) -> str:
    """Return all that a command says, whatever comes of it."""
    done = bot(*command.split(), code=None)
    return done.out + done.err
