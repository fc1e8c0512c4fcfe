"""Run a command that may write beneath one folder only: ``sandbox.py FOLDER COMMAND...`` (Linux, Landlock)."""

from __future__ import annotations

import ctypes
import os
import sys

NO_NEW_PRIVILEGES = 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH = 1

WRITE_FILE = 1 << 1
OF_DIRECTORIES = sum(1 << bit for bit in range(4, 14))
"""Removing and making files, directories, nodes, links and pipes, and moving them."""
TRUNCATE = 1 << 14


class Ruleset(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def fence(folder: str) -> None:
    """Take from this process, and all that it starts, the right to write anywhere else; OSError if it cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *words: object) -> int:
        answer = int(libc.syscall(number, *words))
        if answer < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return answer

    rights = WRITE_FILE | OF_DIRECTORIES | TRUNCATE
    rules = Ruleset(rights)
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    for path, allowed in ((folder, rights), (os.devnull, WRITE_FILE | TRUNCATE)):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        beneath = Beneath(allowed, handle)
        call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(beneath), 0)
        os.close(handle)
    libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


if __name__ == "__main__":
    fence(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
