"""Ranges that were answered are recorded, also when the web server is stopped right after them."""

import http.client
import signal
from pathlib import Path

from tests.functional.installation import Installation
from tests.library import STREAMED

_RANGES = 25


def test_a_stop_loses_no_row(tmp_path: Path) -> None:
    vigint = Installation(tmp_path)
    with vigint.lived_in("--workers", "1"):
        token = vigint.hosted(STREAMED)
        connection = http.client.HTTPConnection("127.0.0.1", vigint.port, timeout=60)
        for number in range(_RANGES):
            span = f"bytes={number * 100}-{number * 100 + 99}"
            connection.request("GET", f"/stream/{token}/", headers={"Range": span})
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (206, 100)
        vigint.stop(signal.SIGTERM)
        connection.close()
        rows = vigint.sql("SELECT first_byte FROM accesses WHERE what = 'stream' ORDER BY 1")
    assert rows == [(number * 100,) for number in range(_RANGES)]
