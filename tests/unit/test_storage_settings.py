"""The configuration of S3, and its error messages."""

from pathlib import Path

import pytest

from vigint_web.config.config import Config, ConfigError, load_config
from vigint_web.config.storage import S3Config

SECRET = "not-a-real-secret"


def _load(tmp_path: Path, ini: str = "", **environ: str) -> Config:
    path = tmp_path / "config.ini"
    path.write_text(ini, encoding="utf-8")
    return load_config({"VIGINT_DATA_DIR": str(tmp_path / "data"), **environ}, path)


def _warnings(tmp_path: Path, **environ: str) -> str:
    return " ".join(_load(tmp_path, **environ).warnings)


def test_files_are_kept_here_unless_a_bucket_is_named(tmp_path: Path) -> None:
    assert _load(tmp_path).s3 is None
    assert _load(tmp_path, VIGINT_STORAGE_URL="file:").s3 is None


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://footage", "footage", ""),
        ("s3://footage/", "footage", ""),
        ("s3://foot.age-1/vigint", "foot.age-1", "vigint"),
        ("s3://footage/vigint/site_1/", "footage", "vigint/site_1"),
    ],
)
def test_a_bucket_and_a_prefix(tmp_path: Path, url: str, bucket: str, prefix: str) -> None:
    assert _load(tmp_path, VIGINT_STORAGE_URL=url).s3 == S3Config(
        bucket, prefix, None, None, None, None
    )


def test_the_file_names_the_place_and_the_environment_the_keys(tmp_path: Path) -> None:
    ini = "[Storage]\nurl = s3://footage\nendpoint = https://s3.example.com/\nregion = eu-west-3\n"
    key_file = tmp_path / "key"
    key_file.write_text(f"{SECRET}\n")
    found = _load(
        tmp_path, ini, VIGINT_S3_ACCESS_KEY="access", VIGINT_S3_SECRET_KEY_FILE=str(key_file)
    )
    assert found.s3 == S3Config(
        "footage", "", "https://s3.example.com", "eu-west-3", "access", SECRET
    )
    assert found.warnings == ()
    assert SECRET not in repr(found)


@pytest.mark.parametrize("there", ["ACCESS", "SECRET"])
def test_half_a_key_is_a_mistake(tmp_path: Path, there: str) -> None:
    missing = {"ACCESS": "SECRET", "SECRET": "ACCESS"}[there]
    settings = {f"VIGINT_S3_{there}_KEY": SECRET, "VIGINT_STORAGE_URL": "s3://footage"}
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, **settings)
    [mistake] = caught.value.mistakes
    assert mistake.startswith(f"VIGINT_S3_{missing}_KEY is missing")
    assert SECRET not in mistake


def test_a_mistake_shows_no_password(tmp_path: Path) -> None:
    settings = {
        "VIGINT_STORAGE_URL": f"s3://key:{SECRET}@footage",
        "VIGINT_S3_ENDPOINT": f"https://key:{SECRET}@s3.example.com",
    }
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, **settings)
    assert len(caught.value.mistakes) == 2
    assert SECRET not in str(caught.value)


def test_settings_that_do_nothing_are_warned_of(tmp_path: Path) -> None:
    assert "no effect" in _warnings(tmp_path, VIGINT_S3_ENDPOINT="https://s3.example.com")
    away = {"VIGINT_STORAGE_URL": "s3://footage"}
    assert _warnings(tmp_path, **away) == ""
    accel = {"VIGINT_ACCEL_REDIRECT": "/_media/", "VIGINT_TRUSTED_PROXIES": "127.0.0.1"}
    assert "kept in S3" in _warnings(tmp_path, **away, **accel)


def test_an_unencrypted_way_is_warned_of_unless_it_ends_here(tmp_path: Path) -> None:
    away = {"VIGINT_STORAGE_URL": "s3://footage"}
    near = {**away, "VIGINT_S3_ENDPOINT": "http://127.0.0.1:9000"}
    far = {**away, "VIGINT_S3_ENDPOINT": "http://s3.example.com"}
    assert "encrypted" not in _warnings(tmp_path, **near)
    assert "not encrypted" in _warnings(tmp_path, **far)
