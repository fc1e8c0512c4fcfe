"""What all tests share: hypothesis profiles, the recorded data, a clean environment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FULL = os.environ.get("TRADEBOT_FULL") == "1"
"""Set by ``.ci/run --full``: long sweeps run whole."""

QUICK = os.environ.get("TRADEBOT_QUICK") == "1"
"""Set by ``make check``: fewer examples, for the loop between two edits."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # run in the background of a shell: what tests start would inherit that Ctrl-C is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

settings.register_profile(
    "sample",
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", settings.get_profile("sample"), max_examples=10)
settings.register_profile(
    "full", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("full" if FULL else "quick" if QUICK else "sample")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is marked ``full`` unless the whole sweep was asked for."""
    if FULL:
        return
    skip = pytest.mark.skip(reason="a long sweep: .ci/run --full runs it")
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the user's own configuration, journal and keyring out of the tests."""
    for name in [name for name in os.environ if name.startswith("TRADEBOT_")]:
        monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Give ctrl-c back after a command's answer in this process, which is heard no more."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded market data, where it lies beside the repository; else the test is skipped."""
    path = SHARED / "data"
    if not path.is_dir():
        pytest.skip("the recorded market data (../shared/data) is not here")
    return path
