"""Two Vigints, one hosting for the other; and the mails when that one refuses."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.functional.installation import Installation, text_of, token_of
from tests.functional.processes import wait_until
from tests.functional.web import request


@pytest.fixture
def asking(vigint: Installation, fresh: Callable[..., Installation]) -> Iterator[Installation]:
    """Provide an installation whose clips the other one hosts."""
    key = vigint.command("create-api-key", "branch office", "--scope", "host").strip()
    vigint.secrets.add(key)
    asks = fresh("asks", SPARSE_AI_BASE_URL=vigint.url, SPARSE_AI_API_KEY=key)
    asks.secrets.add(key)
    with asks.lived_in():
        yield asks


def test_the_hosts_link_is_mailed_and_ours_when_it_refuses(
    vigint: Installation, asking: Installation, document: Callable[..., dict[str, Any]]
) -> None:
    accepted = asking.post(document())
    status = asking.finished(accepted)
    link = asking.mailed_link(accepted["reference"])
    vigint.secrets.add(token_of(link))
    assert link.startswith(f"{vigint.url}/video/{accepted['video_id']}?token=")

    def plays() -> bool:
        return request(f"{vigint.url}/stream/{token_of(link)}/").status == 200

    wait_until(plays, "the host has prepared the video")
    played = request(f"{vigint.url}/stream/{token_of(link)}/").body
    own = request(f"{asking.url}/stream/{token_of(accepted['private_link'])}/").body
    assert played == own, "byte for byte"
    assert status["file_hash"] is not None
    page = asking.session().open(f"/incidents/{accepted['reference']}/").text
    assert f"{vigint.url} héberge la vidéo" in page
    assert token_of(link) not in asking.sql_text(), "the host's token is sealed in the database"

    # The host refuses: no mail waits longer than the refusal takes.
    vigint.sql("UPDATE api_keys SET revoked_at = created_at WHERE name = 'branch office'")
    refused = asking.post(document(count=5))
    asking.finished(refused)
    [mail] = asking.mails(refused["reference"])
    assert re.search(rf"Lien privé sécurisé: {re.escape(asking.url)}/video/", text_of(mail))
    page = asking.session().open(f"/incidents/{refused['reference']}/").text
    assert f"{vigint.url} n’a pas accepté la vidéo" in page
    assert "Ask the administrator" in page, "the host's own words"
