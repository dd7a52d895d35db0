"""`./vigint bench`: every benchmark still fits the code that it measures."""

import json
import subprocess
import sys
from pathlib import Path

from bench.__main__ import NAMES
from tests.functional.installation import ROOT, clean_environment


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=clean_environment(ROOT / "unused"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_of_them_run(tmp_path: Path) -> None:
    """One run of all, since each takes seconds; times are not asserted."""
    result = bench("--quick", "--json", tmp_path / "figures")
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "figures").read_text(encoding="utf-8"))
    assert figures["quick"] is True
    assert list(figures["benchmarks"]) == list(NAMES)
    for name, rows in figures["benchmarks"].items():
        assert f"{name}: " in result.stdout
        assert any(row["ratio"] for row in rows), f"{name} compared nothing"
        for row in rows:
            assert row["name"] in result.stdout
            spreads = [row["measured"], row["peer"] or row["measured"]]
            assert all(one["low"] <= one["median"] <= one["high"] for one in spreads)


def test_every_benchmark_is_listed() -> None:
    modules = {
        path.stem for path in (ROOT / "bench").glob("*.py") if "\ndef run(" in path.read_text()
    }
    assert set(NAMES) == modules
    described = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in described for name in NAMES)
    listed = bench("--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(NAMES)


def test_an_unknown_one_is_refused_in_a_sentence() -> None:
    result = bench("rangers", "--quick")
    assert (result.returncode, result.stdout) == (2, "")
    assert "there is no benchmark rangers" in result.stderr
    assert "Traceback" not in result.stderr


def test_options_of_one_are_refused_for_several() -> None:
    assert "--rounds" in bench("ranges", "--help").stdout
    result = bench("ranges", "lists", "--rounds", "3")
    assert result.returncode == 2
    assert "unrecognized arguments: --rounds" in result.stderr
