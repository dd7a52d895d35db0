"""SQLite has one writer at a time: of many concurrent ones, in several processes, none is
refused.
"""

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import Engine, create_engine

from vigint_web.database import _tune_sqlite
from vigint_web.services.core.write_turns import Turns

# Writes for most of the time, like a process with many writing threads.
_GREEDY = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
print("begun", flush=True)
while True:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO things VALUES (0)")
    time.sleep(0.005)
    database.execute("COMMIT")
    time.sleep(0.001)
"""
_WRITERS = 60


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order, threads = Turns(), list[int](), list[threading.Thread]()

    def write(number: int) -> None:
        assert turns.take(30)
        order.append(number)
        turns.give_back()

    assert turns.take(0)
    for number in range(20):
        threads.append(threading.Thread(target=write, args=(number,)))
        threads[-1].start()
        while len(turns._waiting) <= number:
            threads[-1].join(0.001)
    turns.give_back()
    for thread in threads:
        thread.join()
    assert order == list(range(20))
    assert turns.take(0), "the last one gave it back"


def test_who_does_not_wait_long_enough_leaves_the_line() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0)


def test_engines_that_make_a_file_at_once_all_succeed(tmp_path: Path) -> None:
    """An engine's first connection excludes the engine's others, so each of these has its own."""
    for number in range(60):
        engines = [create_engine(f"sqlite:///{tmp_path / str(number)}") for _ in range(6)]
        gate = threading.Barrier(len(engines))

        def read(engine: Engine, gate: threading.Barrier = gate) -> str | None:
            _tune_sqlite(engine)
            gate.wait(60)
            with engine.connect() as connection:
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            engine.dispose()
            return mode

        with ThreadPoolExecutor(len(engines)) as pool:
            assert list(pool.map(read, engines)) == ["wal"] * len(engines)


def test_many_writers_beside_a_greedy_process_all_get_through(tmp_path: Path) -> None:
    database = tmp_path / "database"
    engine = create_engine(f"sqlite:///{database}", pool_size=_WRITERS)
    _tune_sqlite(engine)
    writing = engine.execution_options(vigint_write=True)
    with writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (number INTEGER)")
    greedy = subprocess.Popen(
        [sys.executable, "-c", _GREEDY, str(database)], stdout=subprocess.PIPE, env=os.environ
    )
    turns, gate = Turns(), threading.Barrier(_WRITERS)

    def write(number: int) -> None:
        gate.wait(60)
        assert turns.take(60)
        try:
            with writing.begin() as connection:
                connection.exec_driver_sql("INSERT INTO things VALUES (?)", (number,))
        finally:
            turns.give_back()

    try:
        assert greedy.stdout is not None
        assert greedy.stdout.readline() == b"begun\n"
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(write, range(1, _WRITERS + 1)))
    finally:
        greedy.kill()
        greedy.communicate()
    with sqlite3.connect(database) as written:
        [(count,)] = written.execute("SELECT count(*) FROM things WHERE number > 0")
    assert count == _WRITERS
