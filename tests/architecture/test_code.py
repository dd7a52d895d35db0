"""Check the code against the project's rules: layers, types, style, and no secrets in the
repository.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-2000:]}"


@pytest.mark.xdist_group("checkers")
def test_imports_run_one_way_only() -> None:
    _run("-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")


@pytest.mark.xdist_group("checkers")
def test_types_are_strict() -> None:
    _run("-m", "mypy")


@pytest.mark.xdist_group("checkers")
def test_style_is_the_house_style() -> None:
    _run("-m", "ruff", "check", ".")


@pytest.mark.xdist_group("checkers")
def test_format_is_the_house_format() -> None:
    _run("-m", "ruff", "format", "--check", ".")


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_secret_is_in_the_repository() -> None:
    """Passwords and keys that look real, mail accounts of older documents, private keys."""
    patterns = [
        re.compile(r"vgk_[A-Za-z0-9_-]{30,}"),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        re.compile(r"\b[a-z]{4} [a-z]{4} [a-z]{4} [a-z]{4}\b(?=['\"]?\s*$)", re.MULTILINE),
        re.compile(r"(?i)[\w.+-]+@(?:gmail|outlook|hotmail|yahoo)\.(?:com|fr)"),
        re.compile(
            r"(?im)^\s*(?:password|api_key|secret_key|\w*(?:_PASSWORD|_API_KEY|_SECRET_KEY))"
            r"[ \t]*=[ \t]*[^\s#$\"'{(<A-Z_]\S{7,}[ \t]*$"
        ),
    ]
    found = []
    for path in _tracked():
        if path.suffix in {".txt"} and path.parent.name == "requirements":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in patterns:
            found += [
                f"{path.relative_to(ROOT)}: {m.group(0)[:60]}" for m in pattern.finditer(text)
            ]
    assert not found, found


def test_no_lock_file_records_addresses() -> None:
    names = {path.name for path in _tracked()}
    assert not names & {"uv.lock", "pylock.toml", "package-lock.json", "poetry.lock"}
    for path in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in path.read_text(), f"{path.name} names an address"


def test_files_can_be_read_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _tracked()
        if path.suffix == ".py" and (lines := len(path.read_text().splitlines())) > 500
    }
    assert not long, long


def test_modules_of_tests_have_names_of_their_own() -> None:
    """Two modules of one name cannot be imported in one run; a run of one folder shows nothing."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []
