"""A close-all that was started inside of the engine's systemd service leaves it before the engine is ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tradebot.core.model.errors import LeftoverError
from tradebot.guard.service import leave_service, service_of

GROUP = "/system.slice/tradebot.service"
WORDS = ["close-all", "--yes"]


def processes(proc: Path, engine: str = GROUP, own: str = GROUP, main: str = "77") -> Path:
    """A /proc with an engine, 77, and this process."""
    for name, group in (("77", engine), ("self", own)):
        (proc / name).mkdir(parents=True)
        (proc / name / "cgroup").write_text(f"1:name=systemd:/x\n0::{group}\n")
    (proc / "77" / "environ").write_bytes(f"A=1\0SYSTEMD_EXEC_PID={main}\0".encode())
    return proc


class Run:
    """Stands where processes are started: ``works`` are the words of systemd-run that do."""

    def __init__(self, *works: str) -> None:
        self.works = works
        self.tried: list[Sequence[str]] = []
        self.became: list[Sequence[str]] = []

    def probe(self, command: Sequence[str]) -> bool:
        self.tried.append(command)
        return command[1] in self.works

    def become(self, name: str, command: list[str]) -> None:
        assert name == "systemd-run"
        self.became.append(command)


@pytest.mark.parametrize(("works", "way"), [("--scope", []), ("--user", ["--user"])])
def test_it_becomes_the_same_command_in_a_scope_of_its_own(
    tmp_path: Path, works: str, way: list[str]
) -> None:
    run = Run(works)
    leave_service(77, WORDS, processes(tmp_path), run.probe, run.become)
    begin = ["systemd-run", *way, "--scope", "--quiet", "--collect", "--"]
    assert run.became == [[*begin, sys.executable, "-P", "-m", "tradebot", *WORDS]]
    assert run.tried[-1] == [*begin, "true"]


def test_where_it_cannot_leave_it_says_what_to_run(tmp_path: Path) -> None:
    run = Run()
    with pytest.raises(LeftoverError) as raised:
        leave_service(77, WORDS, processes(tmp_path), run.probe, run.become)
    assert raised.value.exit_code == 6
    assert "inside of tradebot.service" in raised.value.message
    assert raised.value.hint == "from a shell of your own: tradebot close-all --yes"
    assert run.became == []


@pytest.mark.parametrize(
    "other",
    [
        {"own": "/user.slice/session-1.scope"},
        {"engine": "/user.slice/session-1.scope", "own": "/user.slice/session-1.scope"},
        {"main": "12"},  # a terminal that is a service, and the engine a process in it
        {"engine": "/", "own": "/"},
    ],
)
def test_elsewhere_it_stays(tmp_path: Path, other: dict[str, str]) -> None:
    run = Run("--scope")
    leave_service(77, WORDS, processes(tmp_path, **other), run.probe, run.become)
    assert run.tried == []
    assert run.became == []


def test_what_cannot_be_read_is_no_service(tmp_path: Path) -> None:
    assert service_of(77, tmp_path) == ""
    processes(tmp_path)
    (tmp_path / "77" / "cgroup").write_bytes(b"\xff")
    assert service_of(77, tmp_path) == ""
    leave_service(1, WORDS)  # the real one: this test is in no service of process 1


def test_without_systemd_run_nothing_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LeftoverError):
        leave_service(77, WORDS, processes(tmp_path / "proc"))
    tool = tmp_path / "systemd-run"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    with pytest.raises(LeftoverError):
        leave_service(77, WORDS, processes(tmp_path / "again"))
    tool.write_text("#!/bin/sh\nexit 0\n")
    run = Run()
    leave_service(77, WORDS, processes(tmp_path / "more"), become=run.become)
    assert len(run.became) == 1
