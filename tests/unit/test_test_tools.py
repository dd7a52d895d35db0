"""Test helpers: reserved ports, texts replaced in one pass."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.functional.nginx import Nginx
from tests.ports import free_port
from tests.substitution import substituted

ROOT = Path(__file__).resolve().parents[2]
_DIGITS = st.text("0123456789", min_size=1, max_size=5)


@given(http=_DIGITS, https=_DIGITS)
def test_what_was_written_is_never_replaced(http: str, https: str) -> None:
    text = "listen 80; listen [::]:80; listen 443 ssl;"
    parts = {"listen [::]:80": f"listen [::]:{http}", "listen 80": f"listen {http}",
             "listen 443": f"listen {https}"}  # fmt: skip
    expected = f"listen {http}; listen [::]:{http}; listen {https} ssl;"
    assert substituted(text, parts) == expected


def test_of_two_keys_the_longer_is_meant() -> None:
    parts = {"example": "one", "www.example": "two"}
    assert substituted("example www.example", parts) == "one two"


def test_a_key_that_is_gone_is_said() -> None:
    with pytest.raises(AssertionError, match="no 'listen 80;' any more"):
        substituted(
            "listen 8080; listen 443;", {"listen 443": "listen 1", "listen 80;": "listen 2"}
        )


@pytest.mark.parametrize("ports", [(44385, 4438), (8044, 44380), (80, 443), (4431, 8000)])
def test_the_site_of_nginx_listens_where_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: tuple[int, int]
) -> None:
    given_out = iter(ports)
    monkeypatch.setattr("tests.functional.nginx.free_port", lambda: next(given_out))
    monkeypatch.setattr("tests.functional.nginx.nginx_program", lambda: "nginx")
    Nginx(tmp_path / "nginx", tmp_path / "fullchain.pem", 4433)
    site = (tmp_path / "nginx" / "site.conf").read_text()
    listening = {line.split()[1].strip(";") for line in site.splitlines() if " listen " in line}
    assert {place.rpartition(":")[2] for place in listening} == {str(port) for port in ports}
    assert "server 127.0.0.1:4433" in site


def test_no_two_processes_are_given_one_port() -> None:
    ask = "from tests.ports import free_port\nfor _ in range(50): print(free_port())\ninput()"
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", ask],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    given_out = [free_port() for _ in range(50)]
    for process in asked:
        assert process.stdout is not None
        given_out += [int(process.stdout.readline()) for _ in range(50)]
    for process in asked:
        process.communicate("\n")
    assert len(set(given_out)) == 200


def test_a_port_is_none_that_the_system_hands_out() -> None:
    # A connection or a socket of port 0 may get one of these at any time.
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first, last = map(int, range_file.read_text().split())
    port = free_port()
    assert not first <= port <= last
    with socket.create_server(("127.0.0.1", port)):
        pass
