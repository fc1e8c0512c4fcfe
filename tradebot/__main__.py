"""``python -m tradebot`` and the ``tradebot`` command: where every error gets its answer."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command

from tradebot.cli.app import app
from tradebot.cli.output import fail
from tradebot.core.model.errors import TradebotError, UsageError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code of CONTRACT."""
    _fill_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    command = get_command(app)
    name = command_name(command, words) or "tradebot"
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        code = command.main(args=words, prog_name="tradebot", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except TradebotError as error:
        return fail(name, error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return fail(name, Interrupted("interrupted"), as_json=as_json)
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        return fail(name, _answer(error), as_json=as_json)


def _fill_streams() -> None:
    """Put nothing where a stream was closed: a file opened later must not get its number.

    What cannot be written in the stream's encoding is escaped: an answer in the wrong letters is one.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY
            handle = os.open(os.devnull, flags)  # the lowest free number: the closed one
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8", closefd=False))
        elif number and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


class Interrupted(TradebotError):
    """The user pressed ctrl-c."""

    kind = "interrupted"
    exit_code = INTERRUPTED


def command_name(command: Any, words: Sequence[str]) -> str:
    """Return the command the words call, such as ``config show``; empty if there is none."""
    path: list[str] = []
    for word in words:
        group = getattr(command, "commands", None)
        if not group:
            break
        if word in group:
            path.append(word)
            command = group[word]
        elif not word.startswith("-"):
            break
    return " ".join(path)


def _answer(error: Exception) -> TradebotError:
    """Return the parser's complaint as usage error; all else is a bug and shows its traceback."""
    # the parser's exceptions differ in module between versions of typer, not in shape
    if hasattr(error, "format_message"):
        return _usage(error)
    traceback.print_exception(error)
    hint = "this is a defect of tradebot; please report it with the lines above"
    return TradebotError(f"unexpected {type(error).__name__}: {error}", hint=hint)


def _usage(error: Any) -> UsageError:
    """Return a parser's complaint as ours; a group called bare gets its help as the hint."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tradebot"
    text = str(error.format_message()).strip()
    if not text or type(error).__name__ == "NoArgsIsHelpError":
        text = f"{path} needs a command"
    return UsageError(text[:1].lower() + text[1:], hint=f"try {path} --help")


def _reader_left() -> int:
    """End quietly when whoever read our output has gone, as ``| head`` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
