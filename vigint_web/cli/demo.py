"""Run the complete workflow on generated footage."""

import os
import re
import secrets
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import click

from vigint_client.alerts import AlertManager
from vigint_client.drawing import draw_frame, draw_incident
from vigint_web import create_app
from vigint_web.cli.output import Output, output_for, shown
from vigint_web.cli.supervisor import Supervisor
from vigint_web.cli.up import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORKERS, Served, run_up
from vigint_web.config.config import Config
from vigint_web.errors import Conflict
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools
from vigint_web.models import Role, Scope
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import command_line
from vigint_web.system.processes import run_and_exit

DEMO_LOGIN = "demo@vigint.local"
_DEMO_RECIPIENT = "gardien@vigint.local"
_PATIENCE = 90.0


class DemoFailed(Exception):
    """Report the step of the demo that failed."""


@click.command()
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--workers",
    default=DEFAULT_WORKERS,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many jobs run at once.",
)
@click.option("--exit", "and_exit", is_flag=True, help="Exit after printing the results.")
@click.option("--verbose", is_flag=True, help="Show log lines on the terminal too.")
def demo(host: str, port: int, workers: int, and_exit: bool, verbose: bool) -> None:
    """Start everything, upload a source, post an incident, and show where to look.

    Log lines go to vigint.log in the data directory.
    """
    served, output = Served(host, port), output_for(verbose=verbose, always_to_file=True)
    output.is_muted = True  # the steps print their own progress

    def show(config: Config, supervisor: Supervisor) -> None:
        try:
            _Demonstration(config, served, output).run()
        except Exception as error:
            reason = (
                str(error) if isinstance(error, DemoFailed) else f"{type(error).__name__}: {error}"
            )
            click.echo(f"The demonstration stopped: {reason}", err=True)
            supervisor.request_stop(1)
            return
        if and_exit:
            supervisor.request_stop(0)
        else:
            output.write("Ctrl-C stops everything.\n")
        output.is_muted = False

    run_and_exit(lambda: sys.exit(run_up(served, workers, output, show)))


class _Demonstration:
    def __init__(self, config: Config, served: Served, output: Output) -> None:
        self.config = config
        self.output = output
        self.base = served.local_url
        self.runner = Runner(find_tools(config.ffmpeg, config.ffprobe))
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self.browser = urllib.request.build_opener(cookies)

    def run(self) -> None:
        if self.config.is_https:
            raise DemoFailed(
                "VIGINT_BASE_URL begins with https, and the demonstration logs in over plain http:"
                " run it without that setting."
            )
        with tempfile.TemporaryDirectory(prefix="vigint-demo-") as name:
            folder = Path(name)
            password, key = self._step("Creating a demo login and an API key", self._credentials)
            clip = self._step("Filming a source of 10 seconds", lambda: self._film(folder))
            page = self._step("Logging in, and uploading it", lambda: self._upload(clip, password))
            self._step("Waiting until it is ready", lambda: self._await_source(page))
            result = self._step("Posting an incident of 40 frames", lambda: self._post(key))
            link = str(result["video_link_info"]["private_link"])
            self._step("Opening the private link", lambda: self._watch(link))
        mail = f"sent by {self.config.email.server}"
        if self.config.email.server is None:
            newest = max(self.config.outbox_dir.glob("*.eml"), key=lambda p: p.stat().st_mtime)
            mail = f"written to {shown(newest)}"
        block = [
            "",
            f"Dashboard:    {self.config.base_url}/",
            f"Demo login:   {DEMO_LOGIN}  {password}",
            f"Source:       {page}",
            f"Private link: {link}",
            f"Mail:         {mail}",
        ]
        if self.output.log_path is not None:
            block.append(f"Log:          {shown(self.output.log_path)}")
        login = self.output.first_login()
        if login is not None:
            block.append(f"First login:  {login}")
        self.output.write("\n".join(block))

    def _step(self, title: str, work: Callable[[], Any]) -> Any:
        self.output.write(f"{title}… ", end="")
        began = time.monotonic()
        try:
            found = work()
        except BaseException:
            self.output.write("failed")
            raise
        self.output.write(f"done ({time.monotonic() - began:.1f} s)")
        return found

    def _credentials(self) -> tuple[str, str]:
        password = users.generate_password()
        actor = command_line("demo")
        with create_app(self.config).app_context():
            try:
                users.create_user(actor, DEMO_LOGIN, password, Role.ADMIN)
            except Conflict:
                users.set_password(actor, DEMO_LOGIN, password)
            site = sites.default_site()
            key = api_keys.create_api_key(actor, "demo", site, {Scope.INGEST})
        return password, key

    def _film(self, folder: Path) -> Path:
        """Generate footage of the drawn scene from two cameras: ten seconds in 720p, with a cut and
        sound.
        """
        for number in range(60):
            (folder / f"drawn-{number:03d}.png").write_bytes(draw_frame(number, 60))
        clip = folder / "parking-nord.mp4"
        views = (
            "[0:v]fps=25,split[far][near];"
            # Two still seconds before the person appears, and two after.
            "[far]trim=end=3.6,setpts=PTS-STARTPTS,tpad=start_mode=clone:start_duration=2,"
            "hflip,scale=1280:960,crop=1280:720:0:200,hue=h=35:s=0.8[first];"
            "[near]trim=start=3.6,setpts=PTS-STARTPTS,tpad=stop_mode=clone:stop_duration=2,"
            "scale=1920:1440,crop=1280:720:620:560,hue=s=0,eq=brightness=0.22:contrast=1.2[second];"
            "[first][second]concat=n=2:v=1[seen]"
        )
        self.runner.run(
            [
                "-framerate", "10", "-i", str(folder / "drawn-%03d.png"),
                "-f", "lavfi", "-i", "sine=frequency=220:duration=10",
                "-filter_complex", views, "-map", "[seen]", "-map", "1:a",
                "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(clip),
            ]
        )  # fmt: skip
        return clip

    def _open(self, path: str, body: bytes | None = None, **headers: str) -> tuple[str, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.base + path, body, named)  # noqa: S310 - our own address
        try:
            with self.browser.open(request, timeout=60) as answer:
                return answer.url, answer.read()
        except urllib.error.HTTPError as error:
            raise DemoFailed(f"{path.split('?', maxsplit=1)[0]} answered {error.code}.") from None

    def _token(self, page: bytes) -> str:
        found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
        if found is None:
            raise DemoFailed("The form has no CSRF token.")
        return found.group(1).decode()

    def _log_in(self, password: str) -> None:
        _, page = self._open("/login")
        form = {"csrf_token": self._token(page), "email": DEMO_LOGIN, "password": password}
        where, _ = self._open("/login", urlencode(form).encode())
        if where.endswith("/login"):
            raise DemoFailed("The demo login was refused.")

    def _upload(self, clip: Path, password: str) -> str:
        self._log_in(password)
        _, page = self._open("/source-management/add/?type=file")
        boundary = secrets.token_hex(16)
        fields = {"csrf_token": self._token(page), "name": "Parking nord", "description": ""}
        head = f"--{boundary}\r\nContent-Disposition: form-data; name="
        body = b"".join(
            f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()
        )
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files";'
            f' filename="{clip.name}"\r\nContent-Type: video/mp4\r\n\r\n'
        ).encode()
        body += clip.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        where, _ = self._open(
            "/source-management/add/",
            body,
            Content_Type=f"multipart/form-data; boundary={boundary}",
        )
        return self.config.base_url + urlsplit(where).path

    def _await_source(self, page: str) -> None:
        path = urlsplit(page).path + "live"
        deadline = time.monotonic() + _PATIENCE
        while True:
            _, fragment = self._open(path)
            if b'data-status="ready"' in fragment:
                return
            if b'data-status="failed"' in fragment:
                raise DemoFailed("The source could not be processed; see its page.")
            if time.monotonic() > deadline:
                raise DemoFailed("The source was not ready in time.")
            time.sleep(0.2)

    def _post(self, key: str) -> dict[str, Any]:
        os.environ["VIGINT_SERVER_URL"], os.environ["VIGINT_API_KEY"] = self.base, key
        recipients = list(self.config.email.recipients) or [_DEMO_RECIPIENT]
        # Failures are reported here; the demo spools nothing for later.
        result = AlertManager(find_spool=lambda: None).send_security_alert_with_video(
            message="Intrusion détectée près du quai de livraison.",
            frames=draw_incident(40, datetime.now(UTC).timestamp() - 4),
            incident_data={
                "incident_type": "Intrusion",
                "risk_level": "HIGH",
                "confidence": 0.92,
                "site": "Entrepôt nord",
                "camera": "Quai 3",
                "analysis": "Une personne franchit la clôture et se dirige vers le quai.",
            },
            recipients=recipients,
            wait=_PATIENCE,
        )
        if not result.get("success") or result.get("pending"):
            raise DemoFailed(str(result.get("error") or "The incident was not finished in time."))
        return result

    def _watch(self, link: str) -> None:
        parts = urlsplit(link)
        _, page = self._open(f"{parts.path}?{parts.query}")
        found = re.search(rb'src="(/stream/[^"]+)"', page)
        if found is None:
            raise DemoFailed("The private link shows no player.")
        _, data = self._open(found.group(1).decode().replace("&amp;", "&"), Range="bytes=0-")
        if data[4:8] != b"ftyp":
            raise DemoFailed("The private link does not play an MP4.")


COMMANDS = {"demo": demo}
