"""The sources of the server's address and key, and the messages without them."""

import logging
from pathlib import Path

import pytest

from vigint_client.config import find_mail_settings, load_server_settings
from vigint_client.errors import ConfigError

VIGINT = {"VIGINT_SERVER_URL": "https://vigint.example.org/", "VIGINT_API_KEY": "first"}
SPARSE = {"SPARSE_AI_BASE_URL": "http://127.0.0.1:8000", "SPARSE_AI_API_KEY": "second"}


def write_ini(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.ini").write_text(text, encoding="utf-8")
    return folder


def test_vigint_names_come_before_sparse_ai_and_files(tmp_path: Path) -> None:
    write_ini(tmp_path, "[SparseAI]\nbase_url = http://127.0.0.1:1\napi_key = third\n")
    settings = load_server_settings(VIGINT | SPARSE, [tmp_path])
    assert (settings.url, settings.api_key) == ("https://vigint.example.org", "first")
    settings = load_server_settings(SPARSE, [tmp_path])
    assert (settings.url, settings.api_key) == ("http://127.0.0.1:8000", "second")
    settings = load_server_settings({}, [tmp_path])
    assert (settings.url, settings.api_key) == ("http://127.0.0.1:1", "third")


def test_address_in_the_file_and_key_in_the_environment(tmp_path: Path) -> None:
    write_ini(
        tmp_path,
        "[SparseAI]\nbase_url = http://127.0.0.1:1\ndefault_expiration_hours = 12\n# %(x)s\n",
    )
    settings = load_server_settings({"SPARSE_AI_API_KEY": "k"}, [tmp_path])
    assert (settings.url, settings.api_key) == ("http://127.0.0.1:1", "k")
    assert settings.expiration_hours == 12


def test_the_checkout_comes_before_the_current_folder(tmp_path: Path) -> None:
    first = write_ini(tmp_path / "a", "[SparseAI]\nbase_url = http://127.0.0.1:1\napi_key = a\n")
    second = write_ini(tmp_path / "b", "[SparseAI]\nbase_url = http://127.0.0.1:2\napi_key = b\n")
    assert load_server_settings({}, [first, second]).url == "http://127.0.0.1:1"


def test_dotenv_counts_after_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# comment\nexport VIGINT_SERVER_URL='http://127.0.0.1:9'\nVIGINT_API_KEY=k # mine\n"
    )
    settings = load_server_settings({}, [tmp_path])
    assert (settings.url, settings.api_key) == ("http://127.0.0.1:9", "k")
    assert load_server_settings(VIGINT, [tmp_path]).api_key == "first"


def test_keys_of_different_servers_are_never_mixed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set VIGINT_API_KEY"):
        load_server_settings({"VIGINT_SERVER_URL": "https://a.example"} | SPARSE, [tmp_path])
    with pytest.raises(ConfigError, match="set VIGINT_SERVER_URL"):
        load_server_settings({"VIGINT_API_KEY": "k"} | SPARSE, [tmp_path])


def test_key_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-file\n")
    environ = {"VIGINT_SERVER_URL": "http://127.0.0.1:8000", "VIGINT_API_KEY_FILE": str(secret)}
    assert load_server_settings(environ, [tmp_path]).api_key == "from-file"
    secret.unlink()
    with pytest.raises(ConfigError, match="VIGINT_API_KEY_FILE"):
        load_server_settings(environ, [tmp_path])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"VIGINT_SERVER_URL": "vigint.example.org"}, "not an address"),
        ({"VIGINT_SERVER_URL": "ftp://vigint.example.org"}, "not an address"),
        ({"VIGINT_SERVER_URL": "http://host:port"}, "not an address"),
        ({"VIGINT_SERVER_URL": "http://a b"}, "not an address"),
        ({"VIGINT_SERVER_URL": "https://me:secret@vigint.example.org"}, "address alone"),
        ({"VIGINT_API_KEY": "secret\r\nHost: elsewhere"}, "copy the key again"),
        ({"VIGINT_API_KEY": "secreté"}, "copy the key again"),
        ({"VIDEO_LINK_EXPIRATION_HOURS": "two"}, "number of hours"),
        ({"VIDEO_LINK_EXPIRATION_HOURS": "-1"}, "number of hours"),
    ],
)
def test_wrong_values_are_named_without_secrets(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_server_settings(VIGINT | changes, [tmp_path])
    assert "secret" not in str(caught.value)


def test_a_broken_file_is_named_but_not_quoted(tmp_path: Path) -> None:
    write_ini(tmp_path, "[SparseAI]\nbase_url = http://127.0.0.1:1\nmy secret line\n")
    with pytest.raises(ConfigError, match=r"config\.ini") as caught:
        load_server_settings({}, [tmp_path])
    assert "secret line" not in str(caught.value)
    # Otherwise a traceback would show the parser's error, which quotes the line.
    assert caught.value.__suppress_context__


def test_nothing_configured_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"VIGINT_SERVER_URL.*create-api-key"):
        load_server_settings({}, [tmp_path])


def test_secrets_stay_out_of_repr_and_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_ini(
        tmp_path,
        "[SparseAI]\nbase_url = http://127.0.0.1:1\napi_key = hush\n"
        "[Email]\nsmtp_server = localhost\npassword = quiet\n",
    )
    with caplog.at_level(logging.DEBUG):
        shown = repr(load_server_settings({}, [tmp_path])) + repr(
            find_mail_settings({}, [tmp_path])
        )
    assert "hush" not in shown + caplog.text
    assert "quiet" not in shown + caplog.text


def test_mail_settings_by_file_and_environment(tmp_path: Path) -> None:
    assert find_mail_settings({}, [tmp_path]) is None
    write_ini(
        tmp_path,
        "[Email]\nsmtp_server = mail.example.org\nsmtp_port = 2525\nuse_tls = no\n"
        "from_email = vigint@example.org\nto_email = a@example.org, b@example.org\n",
    )
    found = find_mail_settings({"VIGINT_SMTP_PORT": "465"}, [tmp_path])
    assert found is not None
    assert (found.server, found.port, found.use_tls) == ("mail.example.org", 465, False)
    assert found.recipients == ("a@example.org", "b@example.org")


@pytest.mark.parametrize("wrong", [{"VIGINT_SMTP_PORT": "x"}, {"VIGINT_SMTP_USE_TLS": "maybe"}])
def test_wrong_mail_settings_are_logged_as_a_sentence(
    tmp_path: Path, wrong: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert find_mail_settings({"VIGINT_SMTP_SERVER": "localhost"} | wrong, [tmp_path]) is None
    assert "VIGINT_SMTP_PORT" in caplog.text


def test_tls_is_on_unless_turned_off(tmp_path: Path) -> None:
    found = find_mail_settings({"VIGINT_SMTP_SERVER": "localhost"}, [tmp_path])
    assert found is not None
    assert found.use_tls
    assert found.port == 587
