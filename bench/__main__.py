"""Run benchmarks: `./vigint bench [NAME…] [--quick] [--json FILE] [--list]`."""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.measuring import BenchmarkError, Comparison, head

NAMES = (
    "alert_latency",
    "incident_pages",
    "lists",
    "ranges",
    "sources_list",
    "video_files",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks asked for; return the exit status.

    It is 1 if a benchmark failed or, except in quick runs, something missed its goal.
    """
    given = sys.argv[1:] if arguments is None else arguments
    asked, parser = _asked(given)
    if asked.list:
        for name in NAMES:
            print(f"{name:16}{_title(_module(name))}")
        return 0
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}: see --list")
    logging.disable(logging.WARNING)
    documents: dict[str, list[dict[str, Any]]] = {}
    failed = missed = False
    for name in asked.names or NAMES:
        rows: list[Comparison] = []
        began = time.monotonic()
        try:
            for found in _run(name, given if len(asked.names) == 1 else _common(asked)):
                # One measurement of each says nothing about goals.
                rows.append(replace(found, limit=None) if asked.quick else found)
                print(rows[-1].line(), flush=True)
        except BenchmarkError as error:
            failed = True
            print(f"{name} ended early: {error}", file=sys.stderr)
        print(f"{time.monotonic() - began:.0f} s\n", flush=True)
        missed |= not all(row.is_within for row in rows)
        documents[name] = [row.document() for row in rows]
    if asked.json:
        document = {"quick": asked.quick, "cores": os.cpu_count(), "benchmarks": documents}
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return int(failed or missed)


def _run(name: str, arguments: Sequence[str]) -> Iterator[Comparison]:
    module = _module(name)
    asked = _parser([name]).parse_intermixed_args(arguments)
    print(f"{name}: {_title(module)}\n{head()}", flush=True)
    # Ends what the benchmark started also when this is interrupted.
    with closing(module.run(asked)) as rows:
        yield from rows


def _asked(given: Sequence[str]) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = _parser([name for name in NAMES if name in given])
    return parser.parse_intermixed_args(given), parser


def _common(asked: argparse.Namespace) -> list[str]:
    """Return the options that all benchmarks have."""
    return ["--quick"] if asked.quick else []


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all options, with those of a benchmark where one alone is named."""
    parser = argparse.ArgumentParser(
        prog="./vigint bench",
        description="Run benchmarks, each against its peer in turns, and print their ratios.",
        epilog="A benchmark that is named alone has options of its own: ./vigint bench NAME --help",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="without any: all of them")
    parser.add_argument("--list", action="store_true", help="print their names")
    parser.add_argument("--quick", action="store_true", help="only show that they run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    if len(names) == 1:
        _module(names[0]).add_options(parser.add_argument_group(f"options of {names[0]}"))
    return parser


def _module(name: str) -> ModuleType:
    return import_module(f"bench.{name}")


def _title(module: ModuleType) -> str:
    return (module.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    raise SystemExit(main())
