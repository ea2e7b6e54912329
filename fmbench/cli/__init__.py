"""The command line: one file a verb; each parses, calls one function, and prints.

Nothing heavy is imported before a verb needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer

from fmbench.cli import (
    audit,
    baseline,
    bench,
    check,
    doctor,
    export,
    gate,
    init,
    leaderboard,
    listing,
    run,
    score,
    show,
)
from fmbench.errors import FmbenchError, one_line

CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""ClickException, of click or of the copy of it that newer versions of Typer bring."""

INTERRUPTED = 130
JUDGING = ("gate", "compare", "bench")
"""Verbs whose 1 says that something became worse: of these, an accident is 3, nothing was measured."""

app = typer.Typer(
    name="fmbench",
    help="Benchmark foundation models: fine-tune, probe and measure, with honest statistics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("audit")(audit.audit)
app.command("list")(listing.list_names)
app.command("show")(show.show)
app.command("score")(score.score)
app.command("compare")(gate.compare)
app.command("gate")(gate.gate)
app.command("bench")(bench.bench)
app.add_typer(baseline.app, name="baseline")
app.add_typer(export.app, name="export")
app.add_typer(leaderboard.app, name="leaderboard")
app.command("doctor")(doctor.doctor)
app.command("init")(init.init)


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; may stand anywhere."),
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    """Benchmark foundation models: fine-tune, probe and measure, with honest statistics."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a verb and turns errors into one line each and the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        from fmbench import __version__

        sys.stdout.write(f"fmbench {__version__}\n")
        sys.exit(0)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    judging = bool(arguments) and arguments[0] in JUDGING
    try:
        code = app(arguments, prog_name="fmbench", standalone_mode=False)
    except CLICK_ERROR as error:
        sys.stderr.write(_usage_error(error))
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(3 if judging else 1)
    except Exception as error:
        if debug and not judging:
            raise
        line, left = _told(error, judging)
        sys.stderr.write(traceback.format_exc() if debug else f"{line}\n")
        sys.exit(left)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception, judging: bool) -> tuple[str, int]:
    """What to print of an error, and the exit code."""
    if isinstance(error, FmbenchError):
        return str(error), 3 if judging and error.exit_code == 1 else error.exit_code
    if isinstance(error, OSError):
        return one_line(str(error)), 2
    what = f"{type(error).__name__}: {one_line(str(error))}"
    return f"internal error: {what} (--debug shows where; please report it)", 3 if judging else 1


def program() -> None:
    """`main` as a program of its own.

    An interrupted run leaves at once: if Ctrl-C fell into an `eval` of some import, CPython 3.11 would end the process
    by the signal, although the interrupt was handled, and the exit code 130 would be lost.
    """
    try:
        main()
    except SystemExit as leaving:
        if leaving.code != INTERRUPTED:
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)


def _usage_error(error: Any) -> str:
    """One line for a wrong command line; the whole help where no command was given at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"{error.format_message()}\n"
    command = error.ctx.command_path if getattr(error, "ctx", None) else "fmbench"
    return one_line(f"{command}: {error.format_message()}").removesuffix(".") + f" ({command} -h shows what is right)\n"
