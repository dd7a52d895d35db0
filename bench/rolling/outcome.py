"""Count what an upgrade has left behind, and find what is missing."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Engine, text

from bench.rolling.clients import Load
from tests.alike import of_columns, of_rows
from vigint_web.services.audit.trail import first_broken_event
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.retention import purge
from vigint_web.services.videos import storage_check
from vigint_web.services.videos.late_files import copy_late_files
from vigint_web.services.videos.totals import correct_totals

_PHASES = ("before", "migration", "migrated", "both", "stopping", "after")
_PURGED = 25
# Younger than any file is: everything unreferenced would be removed.
_AT_ONCE = -5.0
_UNFINISHED = "SELECT count(*) FROM videos WHERE status NOT IN ('ready', 'failed')"
_LEASED = "SELECT count(*) FROM videos WHERE lease_until IS NOT NULL AND status = 'ready'"
_OWED = "SELECT count(*) FROM alerts WHERE state NOT IN ('sent', 'failed')"


class Outcome:
    """What was promised to the clients, compared with rows, files and mails."""

    def __init__(self, load: Load, engine: Engine, mails: Callable[[], Counter[str]]) -> None:
        self._load, self._engine, self._mails = load, engine, mails
        self.wrong = list(load.wrong)
        self.figures: dict[str, object] = {}

    def _count(self, statement: str, **values: object) -> int:
        with self._engine.connect() as connection:
            return int(connection.scalar(text(statement), values) or 0)

    def wait(self, seconds: float) -> None:
        """Wait until everything that was accepted is processed and mailed."""
        began = time.monotonic()
        while any(self._count(one) for one in (_UNFINISHED, _OWED, _LEASED)):
            if time.monotonic() > began + seconds:
                self.wrong.append(
                    f"after {seconds:.0f} s {self._count(_UNFINISHED)} videos are unfinished,"
                    f" {self._count(_OWED)} alerts owed"
                )
                break
            time.sleep(0.5)
        self.figures["finished after s"] = round(time.monotonic() - began, 1)

    def settle(self, keys: list[str], media: Path) -> None:
        """Run the periodic tasks to their end, in the application's context, and compare."""
        self._compare_promises()
        late = len(set(of_columns().items()) - set(of_rows().items()))
        began, last = time.monotonic(), copy_late_files()
        while last:
            last = copy_late_files(last)
        self.figures["files that only columns named"] = late
        self.figures["comparing rows and columns s"] = round(time.monotonic() - began, 1)
        self._expect("files of columns that rows lack", len(set(of_columns()) ^ set(of_rows())), 0)
        self._expect("files of which rows and columns differ", _differing(), 0)
        self._expect("unfinished rows that the reconciler found", reconcile(), 0)
        self._expect("first broken event of the audit trail", first_broken_event() or 0, 0)
        self._expect("totals of videos that were wrong", correct_totals(), 0)
        gone = self._let_some_expire()
        self._expect("videos purged", purge.purge_due(), len(gone))
        with patch.object(purge, "_ABANDONED_SECONDS", _AT_ONCE):
            self._expect("orphans removed", purge.sweep_orphans(), 0)
        found = storage_check.check(_AT_ONCE, hashes=True)
        self.figures["files checked"] = found.files
        self._expect("damaged or missing files", len(found.damaged), 0)
        self._expect("files without a row", len(found.orphans), 0)
        # Two rows of a video may name one file.
        named = {key for key, *_ in of_rows().values()}
        self._expect("files named by rows and not stored", len(named) - found.files, 0)
        kept = [key for key in keys if key.split("/")[1] not in gone]
        missing = [key for key in kept if not (media / key).exists()]
        self._expect("earlier files that are gone", len(missing), 0)

    def _compare_promises(self) -> None:
        references = set(self._load.references.values())
        mails = self._mails()
        self.figures["incidents accepted"] = len(references)
        self.figures["uploads accepted"] = len(self._load.names)
        self.figures["links revoked"] = len(self._load.revoked)
        self._expect("incidents without a mail", len(references - set(mails)), 0)
        twice = [one for one, times in mails.items() if times > 1]
        self._expect("incidents mailed more than once", len(twice), 0)
        ready = set(self._names("incidents", "reference"))
        self._expect("incidents without a video that is ready", len(references - ready), 0)
        uploads = set(self._names("sources", "name"))
        self._expect(
            "uploads without a video that is ready", len(set(self._load.names) - uploads), 0
        )

    def _names(self, table: str, column: str) -> list[str]:
        statement = (
            f"SELECT {table}.{column} FROM {table} JOIN videos ON videos.id = {table}.video_id"  # noqa: S608 - names of this file
            " WHERE videos.status = 'ready'"
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(text(statement)))

    def _let_some_expire(self) -> set[str]:
        """Set the end of the retention of the first videos to the past; return their names."""
        past = "2026-01-01 00:00:00+00:00"
        with self._engine.begin() as connection:
            connection.execute(
                text("UPDATE videos SET purge_at = :past WHERE id <= :last"),
                {"past": past, "last": _PURGED},
            )
            found = connection.scalars(
                text("SELECT public_id FROM videos WHERE id <= :last"), {"last": _PURGED}
            )
            return set(found)

    def read_logs(self, logs: dict[str, str]) -> None:
        """Look for errors in what the processes wrote."""
        for name, log in logs.items():
            errors = re.findall(r"^.*(?:\bERROR\b|\"level\": \"error\"|Traceback).*$", log, re.M)
            self.figures[f"errors in the log, {name}"] = len(errors)
            for line in errors[:5]:
                print(f"  {name}: {line[:300]}")

    def report(self) -> bool:
        """Print all figures; return whether something is wrong."""
        by_phase: dict[str, list[float]] = defaultdict(list)
        failures: Counter[str] = Counter()
        for taken in self._load.answers:
            by_phase[taken.phase].append(taken.seconds)
            if not taken.status or taken.status >= 500:
                failures[f"{taken.phase}: {taken.what}: {taken.status} {taken.detail[:160]}"] += 1
        print(f"{'phase':12}{'answers':>9}{'median ms':>11}{'99 % ms':>10}{'longest ms':>12}")
        for phase in _PHASES:
            times = sorted(by_phase[phase])
            if times:
                shown = (times[len(times) // 2], times[len(times) * 99 // 100], times[-1])
                columns = "".join(
                    f"{1000 * value:{width}.0f}"
                    for value, width in zip(shown, (11, 10, 12), strict=True)
                )
                print(f"{phase:12}{len(times):9}{columns}")
        refused = Counter(
            f"{one.what}: {one.status}" for one in self._load.answers if one.status >= 400
        )
        print("answers from 400 on:", dict(refused))
        for name, figure in self.figures.items():
            print(f"{name:48}{figure!s:>10}")
        wrong = [*self.wrong, *(f"{times} × {what}" for what, times in failures.items())]
        for line in wrong:
            print("WRONG:", line)
        print(f"{sum(failures.values())} failed answers, {len(self.wrong)} other findings")
        return bool(wrong)

    def _expect(self, what: str, found: int, expected: int) -> None:
        self.figures[what] = found
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")


def _differing() -> int:
    rows = of_rows()
    return sum(rows.get(slot) != file for slot, file in of_columns().items())
