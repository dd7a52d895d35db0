import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.processes import PATIENCE_SECONDS

Until = Callable[..., None]

# The tools available to the script, beside Python: only POSIX (and readlink).
TOOLS = ["sh", "cksum", "tr", "readlink", "grep", "tail", "rm", "mv"]
BASE_PYTHON = Path(sys.executable).resolve()
APPLICATION = "import os, sys; print('vigint', os.getcwd(), *map(repr, sys.argv[1:]))"
RUNNER = "import os, sys; print('pytest', os.getcwd(), *map(repr, sys.argv[1:])); sys.exit(7)"


class Checkout:
    """A checkout that needs no packages, on a machine with only the tools on its PATH."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path / "check out"
        self.bin = path / "bin"
        self.home = path / "home"
        self.modules = path / "modules"
        for folder in (self.path, self.bin, self.home, self.modules):
            folder.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)
        shutil.copy(root / "vigint", self.path)
        (self.path / "pytest.py").write_text(RUNNER)
        for name, text in {
            "requirements/base.txt": "# nothing\n",
            "requirements/test.txt": "# nothing more\n",
            "vigint_web/__init__.py": "",
            "vigint_web/__main__.py": APPLICATION,
        }.items():
            (self.path / name).parent.mkdir(exist_ok=True)
            (self.path / name).write_text(text)
        self.venv = self.path / ".venv"
        self.stamp = self.venv / "vigint-stamp"

    def add_python(self, name: str = "python3") -> None:
        (self.bin / name).symlink_to(BASE_PYTHON)

    def add_script(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def add_uv(self) -> None:
        """Put a uv on PATH that does nothing, since there is nothing to install."""
        make = f"""for last; do :; done; exec '{BASE_PYTHON}' -m venv --without-pip "$last" """
        self.add_script(
            "uv", f"""echo "$*" >>'{self.home}/calls'; case $1 in venv) {make};; esac"""
        )

    def hide(self, *modules: str) -> None:
        """Hide some modules of this Python, like Debian without ensurepip and pip."""
        for module in modules:
            (self.modules / f"{module}.py").write_text("raise ImportError('split off')\n")

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "PYTHONPATH": str(self.modules),
            "PIP_CONFIG_FILE": "/dev/null",
            **more,
        }

    def start(self, *arguments: str, script: Path | str | None = None, **more: str) -> str:
        """Run the script successfully; keep its errors and return its standard output."""
        result = self.run(*arguments, script=script, **more)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def run(
        self, *arguments: str, script: Path | str | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [script or self.path / "vigint", *arguments],
            cwd=self.home,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.errors = result.stderr
        return result

    def pretend_prepared(self) -> None:
        """Create the result of an earlier start, without pip's seconds."""
        subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", self.venv], check=True, env={})
        lines = []
        for name in ("base", "test"):
            with (self.path / f"requirements/{name}.txt").open() as file:
                cksum = subprocess.run(
                    ["cksum"], stdin=file, capture_output=True, text=True, check=True
                ).stdout
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            lines.append(f"{name} {version}-{'-'.join(cksum.split())}\n")
        self.stamp.write_text("".join(lines))


@pytest.fixture
def checkout(tmp_path: Path, root: Path) -> Checkout:
    """Return a fresh checkout on a machine without Python."""
    return Checkout(tmp_path, root)


def test_first_start_prepares_and_second_only_starts(checkout: Checkout) -> None:
    checkout.add_python()
    printed = checkout.start("up", "--host", "a b", "$HOME", "")
    assert printed == f"vigint {checkout.home} 'up' '--host' 'a b' '$HOME' ''\n"
    assert checkout.errors.startswith("Preparing Vigint")
    assert len(checkout.errors.splitlines()) == 1
    assert {path.name for path in checkout.path.glob(".venv*")} == {".venv", ".venv.lock"}

    # The second needs no Python on PATH, because it installs nothing.
    (checkout.bin / "python3").unlink()
    assert checkout.start("doctor") == f"vigint {checkout.home} 'doctor'\n"
    assert checkout.errors == ""


def test_two_first_starts_at_once_prepare_once(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    both = [
        subprocess.Popen(
            [checkout.path / "vigint", str(number)],
            cwd=checkout.home,
            env=checkout.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    results = [process.communicate(timeout=PATIENCE_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert [out for out, _ in results] == [f"vigint {checkout.home} '{n}'\n" for n in range(2)]
    assert sum(errors.count("Preparing") for _, errors in results) == 1


def test_half_an_installation_is_done_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.pretend_prepared()
    checkout.stamp.unlink()
    rubbish = checkout.venv / "rubbish"
    rubbish.write_text("")
    checkout.start()
    assert "Preparing" in checkout.errors
    assert not rubbish.exists()
    assert checkout.stamp.exists()


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.pretend_prepared()
    checkout.start()
    assert checkout.errors == ""
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout.path / "gone")
    assert checkout.start("x") == f"vigint {checkout.home} 'x'\n"
    assert "Preparing" in checkout.errors


def test_an_environment_of_another_python_version_is_made_again(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.pretend_prepared()
    checkout.stamp.write_text(checkout.stamp.read_text().replace(" 3.", " 2."))
    checkout.start()
    assert "Preparing" in checkout.errors


def test_changed_requirements_are_installed_into_what_is_there(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.start()
    kept = checkout.venv / "kept"
    kept.write_text("")
    (checkout.path / "requirements/base.txt").write_text("# nothing, differently\n")
    checkout.start()
    assert "Updating" in checkout.errors
    assert kept.exists()
    checkout.start()
    assert checkout.errors == ""


def test_tests_get_their_own_requirements_and_pytests_status(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.start()
    result = checkout.run("test", "-k", "a b", "--campaign")
    assert result.returncode == 7
    assert result.stdout == f"pytest {checkout.path} '-k' 'a b' '--campaign'\n"
    assert "Updating" in result.stderr
    checkout.start("up")
    assert checkout.errors == ""
    assert checkout.run("test").stderr == ""


def test_bench_stays_in_its_folder_and_needs_a_complete_checkout(checkout: Checkout) -> None:
    checkout.pretend_prepared()
    result = checkout.run("bench", "ranges")
    assert (result.returncode, result.stdout) == (1, "")
    assert "clone the repository" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    for name, text in {"tests/__init__.py": "", "bench/__main__.py": APPLICATION}.items():
        (checkout.path / name).parent.mkdir()
        (checkout.path / name).write_text(text)
    printed = checkout.start("bench", "--json", "a b")
    assert printed == f"vigint {checkout.home} '--json' 'a b'\n"


def test_without_ensurepip_the_machines_pip_installs(checkout: Checkout) -> None:
    has_pip = [str(BASE_PYTHON), "-m", "pip", "--version"]
    if subprocess.run(has_pip, capture_output=True, env={}, check=False).returncode != 0:
        pytest.skip("this Python has no pip of its own")
    checkout.add_python()
    checkout.hide("ensurepip")
    checkout.start()
    assert "Preparing" in checkout.errors
    assert not (checkout.venv / "bin" / "pip").exists()


def test_neither_pip_nor_venv_is_one_sentence(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.hide("ensurepip", "pip")
    result = checkout.run("up")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "apt install python3-venv" in result.stderr
    assert not checkout.venv.exists()


def test_no_python_is_one_sentence(checkout: Checkout) -> None:
    checkout.add_script("python3.13", "echo 'shim: python3.13: command not found' >&2; exit 127")
    checkout.add_script("python3", "exit 1")
    result = checkout.run("up")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Vigint needs Python 3.11 or newer" in result.stderr
    assert "apt install python3 python3-venv" in result.stderr


def test_no_tools_at_all_is_one_sentence(checkout: Checkout) -> None:
    checkout.pretend_prepared()
    for tool in checkout.bin.iterdir():
        tool.unlink()
    result = checkout.run("up", script=checkout.path / "vigint")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Vigint needs Python 3.11 or newer" in result.stderr


def test_a_shim_without_its_python_is_passed_over(checkout: Checkout) -> None:
    checkout.add_script("python3.13", "echo 'shim: python3.13: command not found' >&2; exit 127")
    checkout.add_python("python")
    checkout.add_uv()
    checkout.start()
    assert (checkout.venv / "bin" / "python").resolve() == BASE_PYTHON


def test_uv_is_used_where_it_is(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_uv()
    checkout.start()
    made, installed = (checkout.home / "calls").read_text().splitlines()
    assert made.startswith("venv ")
    assert str(BASE_PYTHON) in made
    assert installed.startswith("pip install ")
    assert "--require-hashes" in installed
    assert installed.endswith(f"-r {checkout.path}/requirements/base.txt")


def test_a_uv_that_fails_is_replaced_by_pip(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.add_script("uv", "echo 'uv is broken' >&2; exit 2")
    assert checkout.start() == f"vigint {checkout.home}\n"
    assert "broken" not in checkout.errors


def test_no_network_is_one_sentence_and_leaves_nothing_half_done(checkout: Checkout) -> None:
    checkout.add_python()
    (checkout.path / "requirements/base.txt").write_text(
        f"some-package==1.0 --hash=sha256:{'0' * 64}\n"
    )
    result = checkout.run(
        "up",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == [
        "The Python package index could not be reached: check this machine's network and proxy"
        " settings, then start again. Everything that was said is in"
        f" {checkout.path}/.venv.log."
    ]
    assert "some-package" in (checkout.path / ".venv.log").read_text()
    assert not checkout.venv.exists()


def test_another_failure_shows_what_pip_said(checkout: Checkout, tmp_path: Path) -> None:
    checkout.add_python()
    (checkout.path / "requirements/base.txt").write_text(
        f"some-package==1.0 --hash=sha256:{'0' * 64}\n"
    )
    result = checkout.run("up", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert result.returncode == 1
    assert "No matching distribution found for some-package==1.0" in result.stderr
    assert "could not be installed, for the reason above" in result.stderr.splitlines()[-1]


def test_a_checkout_that_cannot_be_written_is_one_sentence(checkout: Checkout) -> None:
    checkout.add_python()
    # Root may write everywhere, but cannot open a directory as a file.
    (checkout.path / ".venv.lock").mkdir()
    result = checkout.run("up")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert f"{checkout.path} cannot be written" in result.stderr


def test_it_is_found_through_symbolic_links_and_path(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.pretend_prepared()
    (checkout.home / "links").mkdir()
    (checkout.home / "links" / "one").symlink_to(checkout.path / "vigint")
    (checkout.home / "two").symlink_to("links/one")
    for script in ("./two", checkout.home / "two", "links/one"):
        assert checkout.start("x", script=script) == f"vigint {checkout.home} 'x'\n"
    (checkout.bin / "vigint").symlink_to(checkout.path / "vigint")
    found = subprocess.run(
        ["sh", "-c", "vigint x"],
        cwd=checkout.home,
        env=checkout.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"vigint {checkout.home} 'x'\n"


def test_a_file_in_the_current_folder_does_not_pass_for_a_module(checkout: Checkout) -> None:
    checkout.add_python()
    checkout.pretend_prepared()
    (checkout.home / "vigint_web.py").write_text("raise SystemExit('hijacked')")
    assert checkout.start("x") == f"vigint {checkout.home} 'x'\n"


def test_a_start_waits_for_the_one_that_is_preparing(checkout: Checkout, until: Until) -> None:
    import fcntl

    checkout.add_python()
    with (checkout.path / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (checkout.home / "said").open("w") as errors:
            waiting = subprocess.Popen(
                [checkout.path / "vigint", "x"],
                cwd=checkout.home,
                env=checkout.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        until(lambda: "waiting" in (checkout.home / "said").read_text(), "the waiting line")
        assert waiting.poll() is None
        checkout.pretend_prepared()
    printed, _ = waiting.communicate(timeout=PATIENCE_SECONDS)
    assert printed == f"vigint {checkout.home} 'x'\n"
    assert "Preparing" not in (checkout.home / "said").read_text()


def test_every_shell_that_is_here_can_parse_it(root: Path) -> None:
    for shell in ("dash", "bash", "busybox"):
        if found := shutil.which(shell):
            command = [found, "sh"] if shell == "busybox" else [found]
            subprocess.run([*command, "-n", root / "vigint"], check=True, env=os.environ)
