"""Read the settings of the storage: its address and its keys."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_PREFIX = r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*"
_S3 = re.compile(rf"s3://(?P<bucket>{_BUCKET})(?:/(?P<prefix>{_PREFIX})?/?)?")


@dataclass(frozen=True)
class S3Config:
    """The address and keys of an S3 bucket; without keys boto3 uses those of the machine."""

    bucket: str
    # Without leading and trailing slashes; may be empty.
    prefix: str
    endpoint: str | None
    region: str | None
    access_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)

    @property
    def url(self) -> str:
        """Return the address as configured."""
        return f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def storage_url(value: str) -> tuple[str, str] | None:
    """Return bucket and prefix of an address of S3, or None for files in the data directory."""
    if value == "file:":
        return None
    found = _S3.fullmatch(value)
    if found is None or ".." in value or len(value) > 300:
        raise ValueError(
            "empty, for files in the data directory, or s3://BUCKET or s3://BUCKET/PREFIX"
        )
    return found["bucket"], found["prefix"] or ""


def s3_endpoint(value: str) -> str:
    """Return the address of an S3 server."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username is not None or set("?#") & set(value):
        raise ValueError("the address of an S3 server, such as https://s3.example.com")
    return value.rstrip("/")


def region(value: str) -> str:
    """Return the name of an S3 region."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,60}", value):
        raise ValueError("the name of a region, such as eu-west-3")
    return value


def s3_config(values: dict[str, Any], mistakes: list[str]) -> S3Config | None:
    """Return the S3 settings if the footage is in S3; add a sentence per contradiction."""
    access, secret = values["s3_access_key"], values["s3_secret_key"]
    if bool(access) != bool(secret):
        missing, there = "VIGINT_S3_SECRET_KEY", "VIGINT_S3_ACCESS_KEY"
        if secret:
            missing, there = there, missing
        mistakes.append(f"{missing} is missing although {there} is set.")
    if values["storage_url"] is None:
        return None
    bucket, prefix = values["storage_url"]
    return S3Config(bucket, prefix, values["s3_endpoint_url"], values["s3_region"], access, secret)


def warnings(values: dict[str, Any], s3: S3Config | None) -> list[str]:
    """Return a sentence for each setting that has no effect or an unexpected one."""
    found = []
    if s3 is None:
        if any(values[name] for name in ("s3_endpoint_url", "s3_region", "s3_access_key")):
            found.append(
                "The S3 settings have no effect: [Storage] url names no bucket, such as"
                " s3://BUCKET/PREFIX, so that files are kept in the data directory."
            )
        return found
    if values["accel_redirect"]:
        found.append(
            "[Storage] accel_redirect has no effect: nginx cannot send footage that is kept in S3."
        )
    if s3.endpoint and s3.endpoint.startswith("http:") and not _is_near(s3.endpoint):
        found.append(
            "[Storage] endpoint is not encrypted: footage can be read on the network. Use"
            " https, unless that network is trusted."
        )
    return found


def _is_near(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
