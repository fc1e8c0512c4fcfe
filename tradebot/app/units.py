"""The systemd units: one that keeps a live run up and ends it when it hangs, shut in; and one for the alerter beside it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tradebot.app.settle import LONGEST_S
from tradebot.config import Config
from tradebot.guard.keys import NAMES, Account
from tradebot.guard.secrets import variable_of

UNIT = """\
[Unit]
Description=tradebot live
Wants=network-online.target
After=network-online.target
# the engine itself takes no entries after three restarts within an hour
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} live --headless --data-dir "{data}"{config}
WorkingDirectory={base}
Restart=on-failure
RestartSec=5
# wrong usage, refused, another engine: a restart would say the same
RestartPreventExitStatus=2 4 5
SuccessExitStatus=130
TimeoutStartSec=10min
TimeoutStopSec={stop:.0f}
WatchdogSec=60
# the keys, as files that only root can read; systemd hands them over
LoadCredential=key:/etc/tradebot/{account}.key
LoadCredential=secret:/etc/tradebot/{account}.secret
Environment={key}_FILE=%d/key
Environment={secret}_FILE=%d/secret
Environment=XDG_STATE_HOME={state_home}
ProtectSystem=strict
ReadWritePaths="{data}" "{state}"
NoNewPrivileges=yes
PrivateTmp=yes
MemoryMax=512M

[Install]
WantedBy=multi-user.target
"""


ALERTS_UNIT = """\
[Unit]
Description=tradebot alerts
Wants=network-online.target
After=network-online.target
# a unit of its own: what tells of the engine's death must not die with it
StartLimitIntervalSec=0

[Service]
ExecStart={command} alerts run --data-dir "{data}"{config}
WorkingDirectory={base}
# it ends by itself an hour after the last engine; it is there again when the next one starts
Restart=always
RestartSec=60
# wrong configuration: a restart would say the same; one that runs already may end any time
RestartPreventExitStatus=2
SuccessExitStatus=130
# the channels' secrets, as files that only root can read; systemd hands them over
{credentials}
# a close-all that a phone asked for goes on when this process ends
KillMode=process
Environment=XDG_STATE_HOME={state_home}
ProtectSystem=strict
ReadWritePaths="{data}" "{state}"
NoNewPrivileges=yes
PrivateTmp=yes
MemoryMax={memory}

[Install]
WantedBy=multi-user.target
"""

SPARE_S = 40.0
"""Seconds beside the longest orderly end for writing down what came of it, on a slow disk."""


def units(config: Config, state: Path) -> str:
    """Return the unit for this configuration; ``state`` is where the locks of keys are."""
    account, key, secret = _keys(config)
    file = "" if config.file is None else f' --config "{config.file.absolute()}"'
    return UNIT.format(
        stop=LONGEST_S + SPARE_S,
        command=shutil.which("tradebot") or f"{sys.executable} -m tradebot",
        data=config.data_dir().absolute(),
        config=file,
        base=config.base_dir.absolute(),
        account=account,
        key=key,
        secret=secret,
        state=state.absolute(),
        state_home=state.parent.absolute(),
    )


def alerts_unit(config: Config, state: Path) -> str:
    """Return the unit of the alerter for this configuration; "" where no channel is configured."""
    channels = config.alerts.all_channels
    if not channels:
        return ""
    lines = []
    for name in channels:
        lines.append(f"LoadCredential={name}:/etc/tradebot/{name}.secret")
        lines.append(f"Environment={variable_of(name)}_FILE=%d/{name}")
    closes = config.alerts.telegram.commands
    if closes:
        lines += _account_lines(config)
    file = "" if config.file is None else f' --config "{config.file.absolute()}"'
    return ALERTS_UNIT.format(
        command=shutil.which("tradebot") or f"{sys.executable} -m tradebot",
        data=config.data_dir().absolute(),
        config=file,
        base=config.base_dir.absolute(),
        credentials="\n".join(lines),
        memory="512M" if closes else "256M",
        state=state.absolute(),
        state_home=state.parent.absolute(),
    )


def _account_lines(config: Config) -> list[str]:
    """Return the lines that hand the account's key over: a close-all from a phone works without the engine."""
    account, key, secret = _keys(config)
    return [
        f"LoadCredential=key:/etc/tradebot/{account}.key",
        f"LoadCredential=secret:/etc/tradebot/{account}.secret",
        f"Environment={key}_FILE=%d/key",
        f"Environment={secret}_FILE=%d/secret",
    ]


def _keys(config: Config) -> tuple[Account, str, str]:
    """Return the account that is traded, and the variables of its key and secret."""
    account: Account = "demo" if config.exchange.environment == "demo" else "live"
    return (account, *NAMES[account])
