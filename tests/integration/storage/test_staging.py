"""The contract of all storages for bytes that arrive in pieces."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web.storage import Storage, StorageError

KEY = "videos/vid_1/original.mp4"
MIB = 1024 * 1024


class ConnectionLost(Exception):
    """End an upload like a disconnecting client."""


def lost_after(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks
    raise ConnectionLost


def held(storage: Storage, name: str = "up_1", first: int = 0) -> bytes:
    return b"".join(storage.staged(name).read(first))


def files(storage: Storage) -> list[str]:
    return [held.name for held in storage.list_files()]


def test_nothing_is_staged_at_first(storage: Storage) -> None:
    staged = storage.staged("up_1")
    assert staged.size() == 0
    assert held(storage) == b""
    staged.cut(0)
    staged.discard()
    with pytest.raises(FileNotFoundError):
        staged.publish(KEY)
    assert staged.append([]) == 0
    assert staged.append([b"", b""]) == 0
    assert list(storage.list_staged()) == []


def test_pieces_add_up_wherever_they_arrive(open_again: Callable[[], Storage]) -> None:
    whole, storage, other = b"", open_again(), open_again()
    for number in range(10):
        piece = os.urandom(1000 + number)
        whole += piece
        storage, other = other, storage
        assert storage.staged("up_1").append([piece[:7], piece[7:]]) == len(whole)
        assert other.staged("up_1").size() == len(whole)
    assert held(storage) == whole
    assert held(storage, first=5000) == whole[5000:]
    assert held(storage, first=len(whole)) == b""
    [staged] = storage.list_staged()
    assert (staged.name, staged.size) == ("up_1", len(whole))
    assert staged.age < 60
    storage.staged("up_1").publish(KEY)
    with storage.open(KEY) as file:
        assert file.read() == whole
    _nothing_is_left(storage)


def test_long_pieces_become_one_file(storage: Storage) -> None:
    whole = os.urandom(MIB) * 18
    staged = storage.staged("up_1")
    with pytest.raises(ConnectionLost):
        staged.append(lost_after(*_chunks(whole[: 9 * MIB])))
    assert staged.size() == 9 * MIB, "what came before the connection broke is kept"
    assert staged.append(_chunks(whole[9 * MIB :])) == len(whole)
    staged.publish(KEY)
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == whole
    _nothing_is_left(storage)


def test_two_uploads_do_not_mix(storage: Storage) -> None:
    storage.staged("up_1").append([b"one"])
    storage.staged("up_11").append([b"eleven"])
    storage.staged("up_1").discard()
    assert [staged.name for staged in storage.list_staged()] == ["up_11"]
    assert held(storage, "up_11") == b"eleven"
    assert files(storage) == [], "what is staged is no file yet"


@pytest.mark.parametrize("size", [0, 1, 1500, 2000, 9 * MIB + 5])
def test_cutting(storage: Storage, size: int) -> None:
    whole = os.urandom(MIB) * 10
    for piece in (whole[:1000], whole[1000:2000], whole[2000:]):
        storage.staged("up_1").append([piece])
    storage.staged("up_1").cut(20 * MIB)
    assert storage.staged("up_1").size() == len(whole)
    storage.staged("up_1").cut(size)
    assert storage.staged("up_1").size() == size
    assert held(storage) == whole[:size]
    assert storage.staged("up_1").append([b"and on"]) == size + 6
    assert held(storage) == whole[:size] + b"and on"


def test_what_is_staged_is_not_swept(storage: Storage) -> None:
    storage.staged("up_1").append([b"x"])
    assert storage.sweep_incoming(-1) == 0
    assert list(storage.list_unfinished()) == []
    assert held(storage) == b"x"


def test_an_odd_key_leaves_all_staged(storage: Storage) -> None:
    storage.staged("up_1").append([b"x"])
    with pytest.raises(StorageError):
        storage.staged("up_1").publish("../elsewhere")
    assert held(storage) == b"x"


_FEW = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_FEW
@given(data=st.data())
def test_any_way_of_arriving_gives_the_same_bytes(storage: Storage, data: st.DataObject) -> None:
    """Append, disconnect and truncate in any order; compare with a plain byte string."""
    _arrive(storage, data, st.integers(1, 6))


@pytest.mark.campaign
@settings(_FEW, max_examples=20)
@given(data=st.data())
def test_any_long_way_of_arriving(storage: Storage, data: st.DataObject) -> None:
    _arrive(storage, data, st.integers(1, 20))


def _arrive(storage: Storage, data: st.DataObject, steps: st.SearchStrategy[int]) -> None:
    model, staged = b"", storage.staged("up_1")
    staged.discard()
    sizes = st.sampled_from([0, 1, 100, 5 * MIB - 1, 5 * MIB, 9 * MIB])
    for _ in range(data.draw(steps)):
        step = data.draw(st.sampled_from(["append", "lose", "cut"]))
        if step == "cut":
            model = model[: data.draw(st.integers(0, len(model)))]
            staged.cut(len(model))
        else:
            piece = os.urandom(1000) * (data.draw(sizes) // 1000 + 1)
            model += piece
            if step == "lose":
                with pytest.raises(ConnectionLost):
                    staged.append(lost_after(*_chunks(piece)))
            else:
                assert staged.append(_chunks(piece)) == len(model)
        assert staged.size() == len(model)
    assert held(storage) == model
    if model:
        staged.publish(KEY)
        with storage.local_copy(KEY) as path:
            assert path.read_bytes() == model
        storage.delete(KEY)
    _nothing_is_left(storage, keys=[])


def _chunks(data: bytes) -> list[bytes]:
    return [data[first : first + 256 * 1024] for first in range(0, len(data), 256 * 1024)]


def _nothing_is_left(storage: Storage, keys: list[str] | None = None) -> None:
    assert files(storage) == ([KEY] if keys is None else keys)
    assert list(storage.list_staged()) == []
    assert list(storage.list_unfinished()) == []
