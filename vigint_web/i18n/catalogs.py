"""Compile message catalogues, whose compiled form is not committed."""

import logging
import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

log = logging.getLogger(__name__)


def compile_catalogs(directory: Path) -> None:
    """Compile each catalogue under a directory whose compiled form is missing or older.

    A directory that cannot be written is logged, not fatal: an installation owned by another user
    may be read-only and compiled already.

    Args:
        directory: contains `<locale>/LC_MESSAGES/<domain>.po`.
    """
    for source in sorted(directory.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        try:
            if not _is_current(target, source):
                _compile(source, target)
        except OSError as error:
            log.warning(
                "the translations in %s cannot be compiled (%s); make its folder writable",
                source,
                error.strerror,
            )


def _is_current(target: Path, source: Path) -> bool:
    try:
        return target.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _compile(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        catalog = read_po(file, locale=source.parent.parent.name, domain=source.stem)
    # Several processes start at once: each writes a draft of its own, and renames it atomically.
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            write_mo(file, catalog)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
