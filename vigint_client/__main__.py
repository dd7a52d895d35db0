"""`python -m vigint_client`: list the spooled alerts of this machine, and deliver them."""

import argparse
import datetime as dt
import logging
import sys
from collections.abc import Sequence

from vigint_client.config import find_mail_settings, load_server_settings
from vigint_client.delivery import Courier, Outcome
from vigint_client.errors import ConfigError
from vigint_client.spool import Spool, called_at
from vigint_client.spool_config import find_spool_settings

_WORDS = {
    "sent": "sent", "kept": "kept", "aside": "set aside", "busy": "busy",
    "elsewhere": "elsewhere", "dropped": "dropped",
}  # fmt: skip
_EPILOG = """\
Alerts wait in VIGINT_SPOOL_DIR when the Vigint server could not be reached. Any program that
uses the library delivers them once it can; this command does so without waiting for one.

The server is VIGINT_SERVER_URL with VIGINT_API_KEY, in the environment, in .env or config.ini.
Exit status: 0 nothing is left for this server, 1 something is, 2 a setting is missing or wrong.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vigint_client",
        description="The detector's side of Vigint.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    flush = commands.add_parser(
        "flush", help="deliver what waits, oldest first; prints one line for each alert"
    )
    flush.add_argument(
        "--anywhere",
        action="store_true",
        help="also deliver alerts bound to another server or key: after one of them changed",
    )
    flush.add_argument(
        "--again", action="store_true", help="retry alerts set aside as refused or damaged"
    )
    commands.add_parser("list", help="list queued alerts and those set aside, with the reason")
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    # Errors are printed once, on the line of their alert.
    logging.getLogger("vigint_client").setLevel(logging.CRITICAL)
    settings = find_spool_settings()
    if settings is None:
        print("Nothing is kept on this machine: VIGINT_SPOOL_MAX_MB is 0.", file=sys.stderr)
        return 2
    spool = Spool(settings)
    try:
        if options.command == "list":
            return _list(spool)
        return _flush(spool, anywhere=options.anywhere, again=options.again)
    except OSError as why:
        print(f"{spool.folder} cannot be used: {why.strerror or why}", file=sys.stderr)
        return 2


def _list(spool: Spool) -> int:
    for name in spool.names():
        print(f"{_when(name)}  waits      {name}")
    for name, reason in spool.aside():
        print(f"{_when(name)}  set aside  {name}: {reason}")
    return 0


def _flush(spool: Spool, *, anywhere: bool, again: bool) -> int:
    try:
        load_server_settings()
    except ConfigError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    if again:
        for name, _reason in spool.aside():
            spool.bring_back(name)
    courier = Courier(spool, load_server_settings, find_mail_settings)
    outcomes = courier.flush(anywhere=anywhere, report=_show)
    if not outcomes:
        print("Nothing waits.")
    elsewhere = sum(outcome.state == "elsewhere" for outcome in outcomes)
    if elsewhere:
        print(
            f"{elsewhere} alert(s) were meant for another server or key: set these, or use "
            "`flush --anywhere` when they are what changed.",
            file=sys.stderr,
        )
    return 1 if any(outcome.state in ("kept", "aside", "busy") for outcome in outcomes) else 0


def _show(outcome: Outcome) -> None:
    print(
        f"{_when(outcome.name)}  {_WORDS[outcome.state]:9}  {outcome.name}: {outcome.said}",
        flush=True,
    )


def _when(name: str) -> str:
    moment = dt.datetime.fromtimestamp(called_at(name)).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"


if __name__ == "__main__":
    sys.exit(main())
