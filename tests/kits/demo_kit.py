"""Demo runs as a user has them: the installed command, and the venue in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from kits.paper_kit import Bot

TRADEBOT = Path(sys.executable).with_name("tradebot")

ACCOUNT = 'wallet = "{wallet}"\nmargin_type = "isolated"\nleverage = 20\n'


@dataclass
class DemoVenue:
    """A venue that runs, and what opens its account."""

    url: str
    key: str
    secret: str
    ledger: Path

    @property
    def env(self) -> dict[str, str]:
        return {"TRADEBOT_BINANCE_DEMO_KEY": self.key, "TRADEBOT_BINANCE_DEMO_SECRET": self.secret}

    def rows(self, kind: str = "") -> list[dict[str, Any]]:
        """The venue's own record so far, of one kind or whole; its file is whole when it has told its state."""
        found = []
        with suppress(OSError):  # it has ended: then the file is whole as well
            self.state()
        with self.ledger.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError):  # half a line: it is being written
                    row = json.loads(line)
                    if kind in ("", row["kind"]):
                        found.append(row)
        return found

    def asked(self, method: str, path: str) -> list[dict[str, Any]]:
        return [r for r in self.rows("request") if (r["method"], r["path"]) == (method, path)]

    def state(self) -> dict[str, Any]:
        """What the venue knows, whatever faults let others see."""
        with urlopen(f"{self.url}/_venue/state", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def held(self) -> list[str]:
        """The symbols of open positions."""
        return [row["symbol"] for row in self.state()["positions"]]

    def stops(self) -> int:
        """How many stops and targets are open."""
        return len(self.state()["algo_orders"])


def misbehave(url: str, *rules: dict[str, Any]) -> None:
    """Replace what the venue at ``url`` does wrong."""
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"fault": list(rules)}).encode()
    with urlopen(Request(f"{url}/_venue/faults", body, headers), timeout=60):
        pass


def act(url: str, name: str, **words: Any) -> None:
    """Have something happen to the account of the venue at ``url``."""
    body = json.dumps({"act": name, **words}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{url}/_venue/act", body, headers), timeout=60):
        pass


@contextmanager
def demo_venue(
    folder: Path, clock: str, *more: str, wallet: str = "10000", account: str = ""
) -> Iterator[DemoVenue]:
    """Run a venue whose account holds ``wallet`` USDT; ``account`` is more of its file."""
    script, ledger = folder / "account.toml", folder / "ledger.jsonl"
    script.write_text(ACCOUNT.format(wallet=wallet) + account)
    words = ["--clock", clock, "--account", str(script), "--ledger", str(ledger), *more]
    command = [str(TRADEBOT), "venue", "--json", *words]
    with (folder / "venue.err").open("w") as err:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert "url" in said, said
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        try:
            yield DemoVenue(said["url"], said["key"], said["secret"], ledger)
        finally:
            process.kill()
            drain.wait(30)
    finally:
        process.kill()
        process.communicate()


def demo_bot(folder: Path, venue: DemoVenue, name: str = "data") -> Bot:
    """Return the command with the account's key, and a state directory of its own."""
    state = {"XDG_STATE_HOME": str(folder / "state")}
    return Bot(folder, folder / name, env={**venue.env, **state})


def demo_words(venue: DemoVenue, strategy: str, *more: str) -> tuple[str, ...]:
    """Return what starts a demo run on the venue."""
    at = ("--venue", "demo", "--set", f"exchange.url={venue.url}", "--strategy", strategy)
    return ("paper", *at, "--symbols", "ETH/USDT", "--headless", "--json", *more)
