"""``python -m tradebot`` and the ``tradebot`` command: where every error gets its answer."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from tradebot.cli.interrupts import hear_term, heard_again, outlast, settle, settle_interrupted
from tradebot.cli.streams import give_up, say, stand_in
from tradebot.core.model.errors import TradebotError, UsageError

if TYPE_CHECKING:
    from typer import Typer

INTERRUPTED = 130

FULL = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT)
"""What writing to a stream that takes nothing more ends with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code of CONTRACT; ``argv`` where the process goes on after it."""
    if argv is None:
        return _answer_words(sys.argv[1:])
    with heard_again():
        return _answer_words(list(argv))


def _answer_words(words: list[str]) -> int:
    name = next((word for word in words if not word.startswith("-")), "tradebot")
    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        if name == "close-all":  # what it has begun has an answer, whichever signal ends it
            hear_term()
            if as_json or {"--yes", "-y"} & {*words} or not (os.isatty(0) and os.isatty(2)):
                outlast()  # nothing will be asked: a terminal that is lost takes nothing back
        _fill_streams()
        stand_in()
        code = _run(words, as_json)
        settle()
        return code
    except KeyboardInterrupt:  # ctrl-c while what the command needs was being imported
        settle_interrupted()
        return _interrupted(name, as_json)


def _run(words: list[str], as_json: bool) -> int:
    from typer import Abort
    from typer.main import get_command

    from tradebot.cli.app import app
    from tradebot.cli.output import answered, fail

    command = get_command(_narrowed(app, words))
    name = command_name(command, words) or "tradebot"
    answered.clear()
    try:
        code = command.main(args=words, prog_name="tradebot", standalone_mode=False)
        sys.stdout.flush()
    except TradebotError as error:
        return fail(name, error, as_json=as_json)
    except (KeyboardInterrupt, Abort):
        settle_interrupted()
        return _interrupted(name, as_json)
    except (BrokenPipeError, SystemExit):
        # whoever read our output has gone, as ``| head`` does; the libraries exit then
        give_up(sys.stdout)
        return 0
    except Exception as error:
        return _unwritable(error) or fail(name, _answer(error), as_json=as_json)
    if code == INTERRUPTED and not answered:  # the parser's library turns ctrl-c into this code
        return _interrupted(name, as_json)
    return code if isinstance(code, int) else 0


def _narrowed(app: Typer, words: list[str]) -> Typer:
    """Return the command line with only the command that is called, the whole where the words name none.

    The parser's library reads every signature of what it is given, which is a fifth of what a start costs.
    """
    narrow = copy(app)
    narrow.registered_commands = [
        info
        for info in app.registered_commands
        if info.callback and words[:1] == [info.name or info.callback.__name__]
    ]
    narrow.registered_groups = [info for info in app.registered_groups if words[:1] == [info.name]]
    return narrow if narrow.registered_commands or narrow.registered_groups else app


def _interrupted(name: str, as_json: bool) -> int:
    from tradebot.cli.output import answered, fail

    # an interrupt that went through an exec (a dataclass being made) has Python die of the signal, handled or
    # not, unless something is run after it
    exec("")
    if answered:  # the answer was out already
        return INTERRUPTED
    return fail(name, Interrupted("interrupted"), as_json=as_json)


def _unwritable(error: Exception) -> int:
    """Return 1 after saying that stdout takes nothing more; 0 where that is not what happened."""
    full = isinstance(error, OSError) and error.filename is None and error.errno in FULL
    if full:
        give_up(sys.stdout)
        say(f"error: the output cannot be written: {os.strerror(error.errno or 0)}")  # type: ignore[attr-defined]
    return int(full)


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


if __name__ == "__main__":
    sys.exit(main())
