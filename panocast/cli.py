"""What all commands share: the options that find the settings, one clear line on failure, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from panocast.errors import PanocastError
from panocast.logs import redact, setup_logs

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where everything lives (or PANOCAST_STATE; default: var)."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The settings file (default: DIR/panocast.toml).")
]


def new_app(name: str, text: str) -> typer.Typer:
    """A typer application in our manner: help when called bare, no shell-completion options, tracebacks ours."""
    return typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )


def run_app(app: typer.Typer, argv: Sequence[str] | None = None) -> int:
    """Run a command line; 0 done, 1 failed for good, 2 misused, 75 worth retrying, 130 interrupted.

    A failure prints one line on stderr, and a traceback only with `--debug`, which every command takes.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    setup_logs(debug=debug)
    return _guarded(lambda: app(words, standalone_mode=False), debug)


def _guarded(call: Callable[[], object], debug: bool) -> int:
    try:
        code = call()
        return code if isinstance(code, int) else 0
    except PanocastError as error:
        if debug:
            raise
        return _say(str(error), error.exit_code)
    except typer.TyperException as error:  # a wrong option or argument; it knows how to show itself
        show = getattr(error, "show", None)
        if show is None:
            return _say(str(error), 2)
        show()
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        if debug:
            raise
        return _say(f"unexpected {type(error).__name__}: {error} (run again with --debug for more)", 1)


def _say(message: str, code: int) -> int:
    typer.echo(f"panocast: {redact(message)}", err=True)
    return code
