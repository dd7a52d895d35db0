"""The files of deploy/, the container's and compose.yaml: the program accepts their commands."""

import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError

from vigint_web.cli import cli
from vigint_web.cli.queue_server import find_queue_binary
from vigint_web.config.config import load_config
from vigint_web.services.core.job_queue import QUEUES

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
# The maximum of `systemd-analyze security`: 0 is perfectly safe, 10 runs as root without limits.
_MOST_EXPOSED = 1.3


def is_understood(words: list[str]) -> None:
    """Fail unless the command line accepts these words."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, f"there is no command {words[0]}"
    # Parsed as at a start, options and arguments included, but not executed.
    parsed = command.make_context(words[0], list(words[1:]))
    if words[0] == "worker":
        assert set(parsed.params["queues"]) <= set(QUEUES), words


@pytest.fixture(scope="module")
def systemd_analyze() -> str:
    """Provide systemd's checker."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze on this machine (Debian: apt install systemd)")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the units in a folder of their own, with this checkout as /opt/vigint."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    for path in folder.glob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/opt/vigint", str(ROOT)))
    return folder


def analyze(program: str, folder: Path, *arguments: str) -> str:
    """Run systemd-analyze on the units of a folder; return what it prints."""
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_understands_every_line(systemd_analyze: str, installed: Path) -> None:
    kinds = {".service", ".socket", ".timer", ".target"}
    names = [f"./{path.name}" for path in sorted(installed.iterdir()) if path.suffix in kinds]
    output = analyze(systemd_analyze, installed, "verify", "--man=no", *names)
    ours = [line for line in output.splitlines() if "vigint" in line]
    assert not ours, "\n".join(ours)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_in_the_sandbox(
    systemd_analyze: str, installed: Path, service: str
) -> None:
    report = analyze(
        systemd_analyze, installed, "security", "--no-pager", "--offline=true", f"./{service}"
    )
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert exposure, report
    print(service, exposure.group(1))
    assert float(exposure.group(1)) <= _MOST_EXPOSED


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_starts_what_there_is(service: str) -> None:
    [command] = re.findall(r"^ExecStart=(.*)$", (UNITS / service).read_text(), re.MULTILINE)
    program, *words = command.split()
    assert program == "/opt/vigint/vigint"
    is_understood(words)


def test_the_target_wants_services_that_exist() -> None:
    wanted = re.findall(r"vigint-\S+\.service", (UNITS / "vigint.target").read_text())
    assert wanted
    for name in wanted:
        assert re.sub(r"@.*\.", "@.", name) in SERVICES, name


def test_the_socket_outlives_what_a_restart_restarts() -> None:
    """Otherwise an upgrade would refuse new connections."""
    unit = (UNITS / "vigint-web.socket").read_text()
    assert not re.search(r"^(PartOf|BindsTo|Requires)=", unit, re.MULTILINE)
    service = (UNITS / "vigint-web.service").read_text()
    assert re.search(r"^Requires=.*vigint-web\.socket", service, re.MULTILINE)
    assert "vigint-web.socket" in (UNITS / "vigint.target").read_text()
    # A manually started service listens where the socket does.
    [address] = re.findall(r"^ListenStream=(.*)$", unit, re.MULTILINE)
    host, _, port = address.rpartition(":")
    assert f"web --host {host} --port {port}\n" in service


def test_the_example_settings_are_settings(tmp_path: Path) -> None:
    lines = (UNITS / "vigint.env.example").read_text().splitlines()
    settings = dict(
        line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line)
    )
    known = (ROOT / ".env.example").read_text()
    for name in settings:
        assert f"#{name}=" in known, name
    config = load_config({**settings, "VIGINT_DATA_DIR": str(tmp_path)})
    assert config.is_https
    assert config.trusted_proxies


def services_of_compose() -> dict[str, str]:
    """Return the text of each service in compose.yaml."""
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    section = compose.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
    parts = re.split(r"^  ([a-z-]+):$", section, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_container_of_vigint_is_locked_in() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    common = compose.partition("x-vigint: &vigint\n")[2].partition("\n\n")[0]
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert f"\n  {line}\n" in common, line
    ours = {
        name: service for name, service in services_of_compose().items() if "<<: *vigint" in service
    }
    assert {"migrate", "web", "worker", "worker-urgent", "scheduler"} == set(ours)
    for name, service in ours.items():
        [command] = re.findall(r"^    command: \[(.*)\]$", service, re.MULTILINE)
        is_understood(command.split(", "))
        assert "read_only: false" not in service, name
    published = re.findall(r"^    ports:\n(?: +#.*\n)*((?: +- .*\n)+)", compose, re.MULTILINE)
    assert published == ['      - "127.0.0.1:8000:8000"\n'], "only this machine's nginx reaches it"


def test_every_other_image_has_a_version() -> None:
    for name, service in services_of_compose().items():
        for image in re.findall(r"^    image: (.*)$", service, re.MULTILINE):
            assert re.search(r":\d", image), name


def test_the_image_holds_what_it_needs_and_nothing_else() -> None:
    containerfile = (ROOT / "Containerfile").read_text(encoding="utf-8")
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", containerfile, re.MULTILINE)
    copied = {name for line in sources for name in line.split()}
    kept = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == kept, "what is copied and what is not ignored are the same"
    for name in copied:
        assert (ROOT / name).exists(), name
    assert re.search(r"^USER \d+:\d+$", containerfile, re.MULTILINE), "its user is a number"
    assert "--require-hashes" in containerfile
    is_understood(re.findall(r'"([^"]+)"', containerfile.rpartition("CMD")[2]))


def test_the_composed_queue_answers_with_its_password_alone(tmp_path: Path) -> None:
    """The command of compose.yaml, run here: it must not reveal its password either."""
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    password = secrets.token_hex(16)
    program, option, script = composed["services"]["queue"]["command"]
    socket = tmp_path / "queue.sock"
    script = script.replace("$$", "$").replace("valkey-server", str(find_queue_binary().path))
    script = script.replace("--dir /data", f"--dir {tmp_path} --port 0 --unixsocket {socket}")
    process = subprocess.Popen(
        [program, option, script], env={"VALKEY_PASSWORD": password}, stdout=subprocess.DEVNULL
    )
    try:
        client = Redis(unix_socket_path=str(socket), password=password)
        while not _answers(client):
            assert process.poll() is None, "the queue server of compose.yaml does not start"
        with pytest.raises(AuthenticationError):
            Redis(unix_socket_path=str(socket)).ping()
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert password.encode() not in arguments, "every user of the machine sees the password"
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except ConnectionError:
        return False


def test_compose_has_no_password_of_its_own() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert "VIGINT_REDIS_URL: redis://:${VALKEY_PASSWORD:?" in compose, (
        "it starts without a password"
    )
    assert not re.search(r"(?i)password:\s+[^$\s]", compose)
