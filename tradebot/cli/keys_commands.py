"""``keys set``, ``keys show`` and ``keys remove``: the keys to an account, which are never shown."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from tradebot.cli.options import Common
from tradebot.cli.output import Result, show
from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.guard.keys import NAMES, Account, Found, checked, find_key, remove_key, store_key
from tradebot.wire.api_key import ApiKey


def set_keys(common: Common, account: Account) -> int:
    """Ask for key and secret, unseen, and put them into the OS keyring."""
    if not sys.stdin.isatty():
        key, secret = NAMES[account]
        raise UsageError(
            "a key is typed, unseen, on a terminal only",
            hint=f"without one, name files in {key}_FILE and {secret}_FILE",
        )
    ask = getpass.getpass
    api_key = ApiKey(
        checked(ask(f"{account} API key (not shown): "), "key"),
        checked(ask("its secret (not shown): "), "secret"),
    )
    store_key(account, api_key)
    found, warnings = _still_found(account)
    if found is not None and found.api_key != api_key:
        warnings = [
            f"{found.source} is used instead, while it is set: its key ends in {found.api_key.last}"
        ]
    text = f"the {account} key that ends in {api_key.last} is in the OS keyring"
    data = {"account": account, "stored": True, "last": api_key.last}
    return show(Result("keys set", data, warnings, text=text), as_json=common.json)


def show_keys(common: Common, account: Account | None) -> int:
    """Say which keys there are and where, by their last four characters."""
    accounts: list[Account] = ["live", "demo"] if account is None else [account]
    rows = [_row(one, find_key(one)) for one in accounts]
    text = "\n".join(
        f"{row['account']:<5} key ends in {row['last']}, from {row['source']}"
        if row["last"]
        else f"{row['account']:<5} none: `tradebot keys set{' --demo' * (row['account'] == 'demo')}`"
        for row in rows
    )
    return show(Result("keys show", {"keys": rows}, text=text), as_json=common.json)


def _row(account: Account, found: Found | None) -> dict[str, Any]:
    if found is None:
        return {"account": account, "last": None, "source": None, "fingerprint": None}
    api_key = found.api_key
    return {
        "account": account,
        "last": api_key.last,
        "source": found.source,
        "fingerprint": api_key.fingerprint,
    }


def remove_keys(common: Common, account: Account) -> int:
    """Take an account's key out of the OS keyring."""
    removed = remove_key(account)
    left, warnings = _still_found(account)
    if left is not None:
        warnings = [f"{left.source} still gives one that ends in {left.api_key.last}"]
    text = (
        f"the {account} key is out of the OS keyring"
        if removed
        else f"there was no {account} key in the OS keyring"
    )
    data = {"account": account, "removed": removed}
    return show(Result("keys remove", data, warnings, text=text), as_json=common.json)


def _still_found(account: Account) -> tuple[Found | None, list[str]]:
    """Return what counts now that the keyring was changed; a fault of what is given beside it undoes nothing."""
    try:
        return find_key(account), []
    except TradebotError as error:
        return None, [f"what is given beside the keyring goes before it: {error}"]
