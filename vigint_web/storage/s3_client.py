"""Access one S3 bucket, with timeouts, and describe errors in sentences."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from vigint_web.config.storage import S3Config
from vigint_web.storage.base import NoRoom, StorageError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

log = logging.getLogger(__name__)

# The threads of a web process, and the background transfers of each.
_CONNECTIONS = 128
_PATIENT: dict[str, Any] = {
    "connect_timeout": 4,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
_HASTY: dict[str, Any] = {
    "connect_timeout": 2,
    "read_timeout": 3,
    "retries": {"mode": "standard", "total_max_attempts": 1},
}
_GONE = {"404", "NoSuchKey", "NotFound"}
_FULL = {"QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "InsufficientStorage"}
_KEYS_REFUSED = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
_REFUSED = {"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"}


class Bucket:
    """One bucket, and the prefix of all our objects in it."""

    def __init__(self, config: S3Config) -> None:
        self.name = config.bucket
        self.url = config.url
        self._config = config
        self._prefix = f"{config.prefix}/" if config.prefix else ""
        self._client: S3Client | None = None
        self._quick: S3Client | None = None
        self._owner = 0
        self._lock = threading.Lock()

    @property
    def client(self) -> "S3Client":
        """Return the client of this process: sockets are not shared with a parent."""
        with self._lock:
            if self._client is None or self._owner != os.getpid():
                session = boto3.session.Session()
                self._client = _make_client(session, self._config, _PATIENT)
                self._quick = _make_client(session, self._config, _HASTY)
                self._owner = os.getpid()
            return self._client

    def answers(self) -> bool:
        """Return whether the bucket exists, after a few seconds at most."""
        self.client  # noqa: B018 - both clients are made together
        quick = cast("S3Client", self._quick)
        try:
            quick.head_bucket(Bucket=self.name)
        except (ClientError, BotoCoreError) as error:
            log.warning("the bucket %s does not answer: %s", self.name, type(error).__name__)
            return False
        return True

    @property
    def server(self) -> str:
        """Return the usual name of the bucket's server."""
        return urlsplit(self._config.endpoint or "").netloc or "AWS"

    def full(self, name: str) -> str:
        """Return the bucket's key of one of our objects."""
        return self._prefix + name

    def own(self, name: str) -> str:
        """Return our key of an object in the bucket."""
        return name.removeprefix(self._prefix)

    @contextmanager
    def convert_errors(self, name: str = "") -> Iterator[None]:
        """Convert boto3's exceptions into FileNotFoundError, NoRoom or StorageError with a
        sentence.
        """
        try:
            yield
        except ClientError as error:
            raise self._refused(error, name) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise StorageError(
                f"there are no keys for {self.url}: set VIGINT_S3_ACCESS_KEY and"
                " VIGINT_S3_SECRET_KEY"
            ) from None
        except (ConnectionError, HTTPClientError) as error:
            raise StorageError(
                f"the S3 server {self.server} does not answer ({type(error).__name__})"
            ) from None
        except BotoCoreError as error:
            raise StorageError(f"S3 does not work ({type(error).__name__})") from None

    def _refused(self, error: ClientError, name: str) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "NoSuchBucket":
            return StorageError(f"there is no bucket {self.name} at {self.server}: create it")
        if code in _GONE:
            return FileNotFoundError(name)
        if code in _FULL or status == 507:
            return NoRoom(f"no room left in the bucket {self.name}")
        if code in _KEYS_REFUSED:
            return StorageError(f"the S3 server {self.server} refuses the keys ({code})")
        if code in _REFUSED:
            return StorageError(
                f"the S3 server {self.server} does not allow this with the bucket {self.name}"
                " and these keys"
            )
        return StorageError(f"the S3 server {self.server} refused: {code or status}")


def _make_client(
    session: boto3.session.Session, config: S3Config, patience: dict[str, Any]
) -> "S3Client":
    settings = ClientConfig(
        signature_version="s3v4",
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        s3={"addressing_style": "path" if config.endpoint else "auto"},
        # Few servers but AWS support the newest checksums; we send Content-MD5.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        **patience,
    )
    return session.client(
        "s3",
        endpoint_url=config.endpoint,
        region_name=config.region or session.region_name or "us-east-1",
        aws_access_key_id=config.access_key,
        aws_secret_access_key=config.secret_key,
        config=settings,
    )
