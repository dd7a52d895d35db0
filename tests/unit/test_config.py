"""The configuration: precedence, error messages, sources of secrets."""

import subprocess
import sys
from pathlib import Path

import pytest

import vigint_web
from tests.functional.processes import PATIENCE_SECONDS
from vigint_web.config import environment
from vigint_web.config.config import Config, ConfigError, load_config
from vigint_web.config.contact import contact_url


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _load(data_dir: Path, ini: str = "", **environ: str) -> Config:
    path = data_dir.parent / "config.ini"
    path.write_text(ini, encoding="utf-8")
    return load_config({"VIGINT_DATA_DIR": str(data_dir), **environ}, path)


def _mistakes(data_dir: Path, ini: str = "", **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(data_dir, ini, **environ)
    return caught.value.mistakes


def test_environment_beats_file_beats_default(data_dir: Path) -> None:
    ini = "[Retention]\ndays = 7\n"
    assert _load(data_dir).retention_days == 30
    assert _load(data_dir, ini).retention_days == 7
    assert _load(data_dir, ini, VIGINT_RETENTION_DAYS="3").retention_days == 3
    assert _load(data_dir, ini, VIGINT_RETENTION_DAYS="").retention_days == 7, "blank is not set"


def test_defaults_are_those_of_the_contract(data_dir: Path) -> None:
    config = _load(data_dir)
    assert (config.default_locale, config.timezone.key) == ("fr", "Europe/Paris")
    assert (config.max_upload_bytes, config.max_hosted_bytes) == (100 << 20, 2048 << 20)
    assert (config.link_hours, config.source_retention_days) == (48, None)
    assert config.email.server is None, "without a server mails go to the outbox"
    assert config.database_url == f"sqlite:///{data_dir / 'vigint.sqlite3'}"
    assert config.redis_url is None
    assert config.warnings == ()


def test_dotenv_is_read_and_the_environment_beats_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", data_dir.parent)
    (data_dir.parent / ".env").write_text(
        f"VIGINT_DATA_DIR={data_dir}\nVIGINT_RETENTION_DAYS=9\nVIGINT_TIMEZONE='Asia/Tokyo'\n"
    )
    monkeypatch.setenv("VIGINT_RETENTION_DAYS", "4")
    environment.load_environment()
    config = vigint_web.read_config()
    assert (config.data_dir, config.timezone.key) == (data_dir, "Asia/Tokyo")
    assert config.retention_days == 4


def test_shipped_files_are_right_and_hold_no_secret(data_dir: Path) -> None:
    root = Path(vigint_web.__file__).parent.parent
    config = load_config({"VIGINT_DATA_DIR": str(data_dir)}, root / "config.ini")
    assert config.warnings == ()


def test_every_mistake_is_told_at_once_with_its_section_key_and_remedy(data_dir: Path) -> None:
    ini = "[Vigint]\ntimezone = Paris\n[Retention]\ndays = soon\n[Email]\nuse_tls = maybe\n"
    mistakes = _mistakes(
        data_dir,
        ini,
        VIGINT_MAX_UPLOAD_MB="0",
        VIGINT_SECRET_KEY="short",
        VIGINT_SMTP_SERVER="mail.example.com",
        VIGINT_SMTP_PASSWORD="x" * 8,
        VIGINT_TRUSTED_PROXIES="10.0.0.0/99",
        VIGINT_BASE_URL="vigint.example.com",
    )
    for setting in (
        "[Vigint] timezone (VIGINT_TIMEZONE)",
        "[Retention] days (VIGINT_RETENTION_DAYS)",
        "[Email] use_tls (VIGINT_SMTP_USE_TLS)",
        "VIGINT_MAX_UPLOAD_MB",
        "VIGINT_SECRET_KEY",
        "[Email] username",
        "VIGINT_TRUSTED_PROXIES",
        "VIGINT_BASE_URL",
    ):
        assert any(setting in mistake for mistake in mistakes), (
            f"{setting} is not reported: {mistakes}"
        )
    assert len(mistakes) == 8
    assert not data_dir.exists(), "a start that is refused leaves nothing"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIGINT_BASE_URL", "http://[::1"),
        ("VIGINT_BASE_URL", "http://host:99999"),
        ("VIGINT_BASE_URL", "ftp://host"),
        ("VIGINT_BASE_URL", "https://host?x=1"),
        ("VIGINT_TIMEZONE", "../../etc/passwd"),
        ("VIGINT_TIMEZONE", "Europe"),
        ("VIGINT_SMTP_FROM", "nobody"),
        ("VIGINT_SMTP_TO", "a@example.com, b"),
        ("VIGINT_DATABASE_URL", "mysql://host/db"),
        ("VIGINT_REDIS_URL", "localhost:6379"),
        ("VIGINT_STORAGE_URL", "s3://"),
        ("VIGINT_STORAGE_URL", "s3://Bucket_Name"),
        ("VIGINT_STORAGE_URL", "s3://bucket/../other"),
        ("VIGINT_STORAGE_URL", "s3://bucket//deep"),
        ("VIGINT_STORAGE_URL", "s3://key:secret@bucket"),
        ("VIGINT_STORAGE_URL", "https://s3.example.com/bucket"),
        ("VIGINT_STORAGE_URL", "/var/media"),
        ("VIGINT_S3_ENDPOINT", "s3.example.com"),
        ("VIGINT_S3_ENDPOINT", "https://key:secret@s3.example.com"),
        ("VIGINT_S3_REGION", "eu west"),
        ("VIGINT_ACCEL_REDIRECT", "/media/"),
        ("VIGINT_ACCEL_REDIRECT", "/_media"),
        ("VIGINT_ACCEL_REDIRECT", "/_media/../"),
        ("VIGINT_ACCEL_REDIRECT", "yes"),
        ("VIGINT_DEFAULT_LOCALE", "de"),
        ("VIDEO_LINK_EXPIRATION_HOURS", "1.5"),
        ("VIGINT_SMTP_PORT", "70000"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(data_dir: Path, variable: str, value: str) -> None:
    [mistake] = _mistakes(data_dir, **{variable: value})
    assert mistake.startswith(variable)
    assert "it must be " in mistake
    assert not mistake.endswith("it must be .")
    assert "Invalid" not in mistake, "the library's own message does not help"


def test_handing_over_to_an_nginx_that_nobody_named_is_warned_of(data_dir: Path) -> None:
    assert _load(data_dir).accel_redirect is None
    ini = "[Storage]\naccel_redirect = /_media/\n"
    alone = _load(data_dir, ini)
    assert alone.accel_redirect == "/_media/"
    assert any("trusted_proxies" in warning for warning in alone.warnings)
    assert not _load(data_dir, ini, VIGINT_TRUSTED_PROXIES="127.0.0.1").warnings


def test_a_broken_file_is_a_sentence(data_dir: Path) -> None:
    assert "config.ini cannot be read" in _mistakes(data_dir, "no section\n")[0]


def test_a_secret_comes_from_a_named_file(data_dir: Path) -> None:
    secret = data_dir.parent / "secret"
    secret.write_text("from-a-file-long-enough\n")
    config = _load(data_dir, VIGINT_SECRET_KEY_FILE=str(secret))
    assert config.secret_key == "from-a-file-long-enough"
    assert not (data_dir / "secret-key").exists()


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_named_file_without_secret_is_a_mistake(data_dir: Path, content: str | None) -> None:
    secret = data_dir.parent / "secret"
    if content is not None:
        secret.write_text(content)
    [mistake] = _mistakes(data_dir, VIGINT_SECRET_KEY_FILE=str(secret))
    assert mistake.startswith("VIGINT_SECRET_KEY_FILE")
    assert str(secret) in mistake


def test_a_secret_in_the_ini_is_honoured_with_a_warning_that_does_not_repeat_it(
    data_dir: Path,
) -> None:
    ini = (
        "[Email]\nsmtp_server = mail.example.com\nusername = u@example.com\n"
        "password = example-only\nto_email = guard@example.com\n"
    )
    config = _load(data_dir, ini)
    assert config.email.password == "example-only"
    [warning] = config.warnings
    assert "[Email] password" in warning
    assert "VIGINT_SMTP_PASSWORD" in warning
    assert "example-only" not in warning + repr(config)


def test_secrets_are_not_in_the_representation(data_dir: Path) -> None:
    config = _load(
        data_dir,
        VIGINT_DATABASE_URL="postgresql://u:example-only@db/vigint",
        VIGINT_REDIS_URL="redis://:example-only@queue/0",
    )
    assert config.secret_key not in repr(config)
    assert "example-only" not in repr(config)
    assert config.database_url.startswith("postgresql+psycopg://")


def test_two_first_starts_at_once_agree_on_one_secret(data_dir: Path) -> None:
    code = (
        "import sys, pathlib; from vigint_web.config.config import load_config;"
        "sys.stdin.read(1);"
        "print(load_config({'VIGINT_DATA_DIR': sys.argv[1]}).secret_key)"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for start in starts:
        assert start.stdin is not None
        start.stdin.write("x")
        start.stdin.flush()
    keys = {start.communicate(timeout=PATIENCE_SECONDS)[0].strip() for start in starts}
    assert len(keys) == 1
    assert len(keys.pop()) >= 43, "the key has 256 bits at least"
    path = data_dir / "secret-key"
    assert path.stat().st_mode & 0o077 == 0, "others can read the key"
    assert [p.name for p in data_dir.iterdir()] == ["secret-key"], "a draft was left"


def test_an_unusable_data_directory_is_one_sentence(data_dir: Path) -> None:
    data_dir.write_text("a file where the directory should be")
    [mistake] = _mistakes(data_dir)
    assert str(data_dir) in mistake
    assert "VIGINT_DATA_DIR" in mistake


def test_a_second_factor_is_asked_of_roles_that_exist(data_dir: Path) -> None:
    assert _load(data_dir).require_two_factor == ()
    ini = "[Security]\nrequire_two_factor = Admin, operator\n"
    assert _load(data_dir, ini).require_two_factor == ("admin", "operator")
    [mistake] = _mistakes(data_dir, VIGINT_REQUIRE_TWO_FACTOR="admin, guard")
    assert "VIGINT_REQUIRE_TWO_FACTOR" in mistake
    assert "admin, operator, viewer" in mistake


def test_how_alerts_are_delivered(data_dir: Path) -> None:
    plain = _load(data_dir)
    assert (plain.cooldown_seconds, plain.email.locales, plain.webhook.urls) == (60, (), ())
    assert not (data_dir / "webhook-secret").exists(), "none is needed"
    ini = (
        "[Email]\nlocales = Chief@Example.com=en, @example.org=en\n[Alerts]\ncooldown_seconds = 0\n"
        "[Webhook]\nurl = https://a.example/x?y=z, https://b.example:8443/\n"
    )
    config = _load(data_dir, ini)
    assert config.cooldown_seconds == 0
    assert config.email.locales == (("chief@example.com", "en"), ("@example.org", "en"))
    assert config.webhook.urls == ("https://a.example/x?y=z", "https://b.example:8443/")
    made = data_dir / "webhook-secret"
    assert config.webhook.secret == made.read_text()
    assert made.stat().st_mode & 0o777 == 0o600
    assert _load(data_dir, ini).webhook.secret == config.webhook.secret
    given = _load(data_dir, ini, VIGINT_WEBHOOK_SECRET="sixteen letters!")
    assert given.webhook.secret == "sixteen letters!"
    assert "x?y" not in repr(given)
    assert "sixteen" not in repr(given)


def test_a_webhooks_address_may_be_named_by_file(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.example.com/secret-path\n")
    config = _load(data_dir, VIGINT_WEBHOOK_URL_FILE=str(tmp_path / "url"))
    assert config.webhook.urls == ("https://hooks.example.com/secret-path",)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("VIGINT_WEBHOOK_URL", "ftp://a.example/", "https://hooks"),
        ("VIGINT_WEBHOOK_URL", "https://user:word@a.example/", "user name"),
        ("VIGINT_WEBHOOK_URL", "https://a.example/\u00e9", "https://hooks"),
        ("VIGINT_WEBHOOK_URL", "https://[a/", "https://hooks"),
        ("VIGINT_WEBHOOK_URL", "https://a.example:99999/", "https://hooks"),
        ("VIGINT_WEBHOOK_URL", "http://a.example/", "unencrypted"),
        ("VIGINT_WEBHOOK_SECRET", "short", "16"),
        ("VIGINT_WEBHOOK_ALLOW_PRIVATE", "maybe", "yes or no"),
        ("VIGINT_MAIL_LOCALES", "chief@example.com", "chief@example.com=en"),
        ("VIGINT_MAIL_LOCALES", "chief@example.com=de", "fr or en"),
        ("VIGINT_ALERT_COOLDOWN_SECONDS", "-1", "0 to 86400"),
    ],
)
def test_mistakes_in_how_alerts_are_delivered(
    data_dir: Path, name: str, value: str, hint: str
) -> None:
    [mistake] = _mistakes(data_dir, **{name: value})
    assert hint in mistake
    assert name in mistake or "[Webhook] url" in mistake
    if name == "VIGINT_WEBHOOK_URL":
        assert "a.example" not in mistake, "it may hold a secret"


def test_plain_http_is_for_ones_own_network(data_dir: Path) -> None:
    url = "http://10.0.0.9/hook"
    config = _load(data_dir, VIGINT_WEBHOOK_URL=url, VIGINT_WEBHOOK_ALLOW_PRIVATE="yes")
    assert config.webhook.urls == (url,)


def test_recipient_domains_are_compared_as_mail_servers_know_them(data_dir: Path) -> None:
    def load(value: str) -> tuple[str, ...]:
        environ = {"VIGINT_DATA_DIR": str(data_dir), "VIGINT_RECIPIENT_DOMAINS": value}
        return load_config(environ).recipient_domains

    assert load("") == ()
    assert load("Example.com, @exämple.fr;example.com") == ("example.com", "xn--exmple-cua.fr")
    with pytest.raises(ConfigError, match="VIGINT_RECIPIENT_DOMAINS"):
        load("exa mple.com, a@b")


def test_organisation_and_contact_are_one_line_each(data_dir: Path) -> None:
    environ = {"VIGINT_DATA_DIR": str(data_dir)}
    assert (load_config(environ).organisation, load_config(environ).contact) == (None, None)
    named = load_config(
        environ | {"VIGINT_ORGANISATION": " Sûreté  & Cie ", "VIGINT_CONTACT": "17"}
    )
    assert (named.organisation, named.contact) == ("Sûreté & Cie", "17")
    wrong = environ | {"VIGINT_ORGANISATION": "x" * 81, "VIGINT_CONTACT": "a\nb"}
    with pytest.raises(ConfigError) as caught:
        load_config(wrong)
    assert ["organisation" in line.lower() for line in caught.value.mistakes] == [True, False]
    assert "VIGINT_CONTACT" in caught.value.mistakes[1]


@pytest.mark.parametrize(
    ("contact", "url"),
    [
        ("securite@example.com", "mailto:securite@example.com"),
        ("01 23 45 67 89", "tel:0123456789"),
        ("+33 (0)1.23.45.67.89", "tel:+33123456789"),
        ("https://example.com/aide", "https://example.com/aide"),
        ("Poste de sécurité, 01 23 45 67 89", None),
        ("http://example.com/", None),
        ("javascript:alert(1)", None),
        ("https://example.com/ ou le 17", None),
    ],
)
def test_what_opens_a_contact(contact: str, url: str | None) -> None:
    assert contact_url(contact) == url
