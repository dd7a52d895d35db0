"""Encrypted texts: readable under the ring of keys that encrypted them, and under no other."""

import pytest

from vigint_web.crypto.encryption import Seal, SealBroken

OLD, NEW = "old key of many characters", "new key of many characters"


def test_what_is_sealed_is_opened_and_tells_nothing() -> None:
    seal = Seal("test.v1", NEW)
    closed = seal.close("JBSWY3DPEHPK3PXP")
    assert "JBSWY3" not in closed
    assert seal.open(closed) == "JBSWY3DPEHPK3PXP"
    assert seal.close("JBSWY3DPEHPK3PXP") != closed, "twice the same is not seen to be"


def test_a_rotated_key_still_opens_until_it_is_forgotten() -> None:
    closed = Seal("test.v1", OLD).close("text")
    both = Seal("test.v1", NEW, OLD)
    assert both.open(closed) == "text"
    resealed = both.close(both.open(closed))
    assert Seal("test.v1", NEW).open(resealed) == "text"
    with pytest.raises(SealBroken):
        Seal("test.v1", NEW).open(closed)


def test_a_seal_is_for_one_purpose() -> None:
    closed = Seal("test.v1", NEW).close("text")
    with pytest.raises(SealBroken):
        Seal("other.v1", NEW).open(closed)


@pytest.mark.parametrize("damaged", ["", "x", "gAAAAA", "\u00e9"])
def test_damage_is_noticed(damaged: str) -> None:
    with pytest.raises(SealBroken):
        Seal("test.v1", NEW).open(damaged)
    closed = Seal("test.v1", NEW).close("text")
    swapped = closed[:-6] + ("AAAA" if closed[-6:-2] != "AAAA" else "BBBB") + closed[-2:]
    with pytest.raises(SealBroken):
        Seal("test.v1", NEW).open(swapped)
