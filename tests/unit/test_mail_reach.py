"""Addresses without a possible mailbox, and their treatment in the settings."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.config.config import Config, load_config
from vigint_web.net.mail_reach import cannot_exist, reachable

WORD = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)
RESERVED = st.sampled_from(["localhost", "invalid"])


def _load(folder: Path, **environ: str) -> Config:
    return load_config({"VIGINT_DATA_DIR": str(folder / "data"), **environ}, None)


@given(WORD, st.lists(WORD, max_size=2), RESERVED)
def test_a_reserved_domain_has_no_mailbox(name: str, labels: list[str], ending: str) -> None:
    address = f"{name}@{'.'.join([*labels, ending])}"
    assert cannot_exist(address)
    assert cannot_exist(f"{address.upper()}."), "case and a final dot change nothing"
    assert reachable([address, "guard@shop.fr"]) == ["guard@shop.fr"]


@given(
    WORD,
    WORD,
    st.sampled_from(["fr", "org", "museum", "xn--p1ai", "localhosts", "local", "test", "example"]),
)
def test_any_other_domain_may_have_one(name: str, label: str, ending: str) -> None:
    assert not cannot_exist(f"{name}@{label}.{ending}")


def test_a_reserved_domain_that_the_installation_uses_itself_is_of_the_local_network() -> None:
    assert not cannot_exist("guard@corp.invalid", "Vigint <vigint@corp.invalid>")
    assert not cannot_exist("guard@paris.corp.invalid", "vigint@corp.invalid")
    assert cannot_exist("guard@other.invalid", "vigint@corp.invalid")
    assert cannot_exist("admin@vigint.local", "vigint@vigint.local"), "made up by us"
    assert cannot_exist("root@localhost", "vigint@localhost")


def test_the_sender_is_the_account_where_that_is_an_address(tmp_path: Path) -> None:
    smtp = {"VIGINT_SMTP_SERVER": "smtp.shop.fr", "VIGINT_SMTP_TO": "guard@shop.fr"}
    mailbox = _load(tmp_path, **smtp, VIGINT_SMTP_USERNAME="alerts@shop.fr")
    assert (mailbox.email.sender, mailbox.warnings) == ("alerts@shop.fr", ())
    named = _load(
        tmp_path, **smtp, VIGINT_SMTP_USERNAME="alerts@shop.fr", VIGINT_SMTP_FROM="v@shop.fr"
    )
    assert named.email.sender == "v@shop.fr"
    account = _load(tmp_path, **smtp, VIGINT_SMTP_USERNAME="vigint")
    assert account.email.sender == "vigint@localhost"
    [warning] = account.warnings
    assert "VIGINT_SMTP_FROM" in warning


def test_without_an_smtp_server_nothing_is_warned_of(tmp_path: Path) -> None:
    config = _load(tmp_path, VIGINT_SMTP_TO="admin@vigint.local")
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("", "no default recipients"),
        ("admin@vigint.local", "no mailbox can have"),
        ("guard@shop.fr", ""),
    ],
)
def test_who_is_alerted_by_default_is_checked_at_the_start(
    tmp_path: Path, to: str, words: str
) -> None:
    smtp = {"VIGINT_SMTP_SERVER": "smtp.shop.fr", "VIGINT_SMTP_FROM": "vigint@shop.fr"}
    warnings = _load(tmp_path, **smtp, VIGINT_SMTP_TO=to).warnings
    assert len(warnings) == bool(words)
    assert all(words in warning and "VIGINT_SMTP_TO" in warning for warning in warnings)
