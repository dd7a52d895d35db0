"""With any order of actions by clients, processes and crashes, an upload matches its reports."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from tests.helpers import renew
from tests.library import ACTOR
from vigint_web.clock import utcnow
from vigint_web.errors import (
    ChecksumMismatch,
    UploadFinished,
    UploadTooLong,
    WrongOffset,
)
from vigint_web.models import Scope, Upload, VideoStatus
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import Actor, as_key
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.sources import sources
from vigint_web.services.uploads import hashing, receiving, uploads
from vigint_web.services.uploads.receiving import Body, Checksum

pytestmark = pytest.mark.both_databases(reason="row locks")

ORDINARY, CAMPAIGN = 12, 200
MOST = 2_000


class Killed(BaseException):
    """Simulates SIGKILL: nothing after it runs."""


@dataclass
class Told:
    """An upload as known by its client."""

    public_id: str
    length: int
    held: bytes = b""
    whole: bool = False

    @property
    def missing(self) -> int:
        """Return the number of missing bytes."""
        return self.length - len(self.held)


def _content(seed: int, size: int) -> bytes:
    return hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)


class Uploads(RuleBasedStateMachine):
    """Clients of one user, served by two processes that are killed now and then."""

    actor: Actor
    begun = Bundle("begun")

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[str, Told] = {}
        self.memories: list[OrderedDict[str, hashing.Tally]] = [OrderedDict(), OrderedDict()]

    @rule(target=begun, length=st.integers(1, MOST))
    def begin(self, length: int) -> Told:
        upload = uploads.begin(self.actor, uploads.Announced(length, "clip.mp4"))
        told = Told(upload.public_id, length)
        self.alive[told.public_id] = told
        return told

    def _send(self, told: Told, process: int, offset: int, body: Body) -> int:
        renew()
        with mock.patch.object(hashing, "_kept", self.memories[process]):
            upload = uploads.find(self.actor, told.public_id)
            return receiving.receive(self.actor, upload, offset, body)

    @rule(
        told=begun,
        process=st.integers(0, 1),
        seed=st.integers(0, 99),
        share=st.floats(0, 1),
        checked=st.booleans(),
    )
    def send(self, told: Told, process: int, seed: int, share: float, checked: bool) -> None:
        if told.whole or told.public_id not in self.alive:
            return
        piece = _content(seed, round(told.missing * share))
        checksum = Checksum("sha1", hashlib.sha1(piece, usedforsecurity=False).digest())
        body = Body(_in_chunks(piece), len(piece), checksum if checked else None)
        reached = self._send(told, process, len(told.held), body)
        told.held += piece
        assert reached == len(told.held)
        told.whole = told.missing == 0

    @rule(told=begun, process=st.integers(0, 1), seed=st.integers(0, 99))
    def send_the_rest(self, told: Told, process: int, seed: int) -> None:
        self.send(told, process, seed, 1.0, False)

    @rule(told=begun, process=st.integers(0, 1), offset=st.integers(0, MOST))
    def send_elsewhere(self, told: Told, process: int, offset: int) -> None:
        if told.whole or offset in {len(told.held), told.length} or offset > told.length:
            return
        with pytest.raises(WrongOffset) as refused:
            self._send(told, process, offset, Body([b"x"], 1))
        assert refused.value.offset == len(told.held)

    @rule(told=begun, process=st.integers(0, 1), announced=st.booleans())
    def send_too_much(self, told: Told, process: int, announced: bool) -> None:
        piece = b"x" * (told.missing + 1)
        length = len(piece) if announced else None
        with pytest.raises(UploadFinished if told.whole else UploadTooLong):
            self._send(told, process, len(told.held), Body(_in_chunks(piece), length))

    @rule(told=begun, process=st.integers(0, 1))
    def send_what_changes_on_its_way(self, told: Told, process: int) -> None:
        if told.whole:
            return
        piece = b"y" * told.missing
        body = Body(_in_chunks(piece), len(piece), Checksum("md5", b"z" * 16))
        with pytest.raises(ChecksumMismatch):
            self._send(told, process, len(told.held), body)

    @rule(
        told=begun,
        process=st.integers(0, 1),
        share=st.floats(0, 1),
        checked=st.booleans(),
        killed=st.booleans(),
    )
    def break_off(
        self, told: Told, process: int, share: float, checked: bool, killed: bool
    ) -> None:
        """The connection breaks, or the whole process dies, after some bytes."""
        if told.whole:
            return
        piece = _content(7, round(told.missing * share))
        checksum = Checksum("sha1", b"z" * 20) if checked else None
        body = Body(_broken(piece, Killed if killed else OSError), told.missing, checksum)
        with ExitStack() as dead:
            for cleaning in ("_save", "_give_back") if killed else ():
                dead.enter_context(mock.patch.object(receiving, cleaning))
            dead.enter_context(pytest.raises(Killed if killed else OSError))
            self._send(told, process, len(told.held), body)
        if killed:
            self.memories[process].clear()
        if not checked:
            told.held += piece

    @rule(told=begun, process=st.integers(0, 1), published=st.booleans())
    def die_at_the_end(self, told: Told, process: int, published: bool) -> None:
        """The process dies with all bytes on its disk, before or after they are published."""
        if told.whole:
            return
        piece = _content(9, told.missing)
        dies = "_hand_over" if published else "_publish"
        with (
            pytest.raises(Killed),
            mock.patch.object(receiving, dies, side_effect=Killed),
            mock.patch.object(receiving, "_give_back"),
        ):
            self._send(told, process, len(told.held), Body(_in_chunks(piece), len(piece)))
        self.memories[process].clear()
        told.held += piece
        renew()
        assert receiving.see(uploads.find(self.actor, told.public_id)) == told.length
        if process:
            assert self._send(told, process, told.length, Body([], 0)) == told.length
        else:
            _reconcile_after_the_lease()
        told.whole = True

    @rule(told=begun)
    def ask_again_for_what_is_done(self, told: Told) -> None:
        if told.whole:
            assert self._send(told, 0, told.length, Body([], 0)) == told.length

    @rule(told=consumes(begun))
    def terminate(self, told: Told) -> None:
        renew()
        if told.whole:
            with pytest.raises(UploadFinished):
                uploads.terminate(self.actor, told.public_id)
        else:
            uploads.terminate(self.actor, told.public_id)
            del self.alive[told.public_id]

    @rule()
    def sweep(self) -> None:
        renew()
        reconcile()
        assert uploads.sweep_staged() == 0

    @invariant()
    def everything_is_as_it_was_told(self) -> None:
        renew()
        for told in self.alive.values():
            upload = uploads.find(self.actor, told.public_id)
            assert receiving.held(upload) == len(told.held)
            video = upload.source.video
            if told.whole:
                assert video.status == VideoStatus.PROCESSING
                assert video.original_sha256 == hashlib.sha256(told.held).hexdigest()
                with storage().open(str(video.original_key)) as file:
                    assert file.read() == told.held
            else:
                assert video.status == VideoStatus.UPLOADING
        staged = {held.name for held in storage().list_staged()}
        assert staged <= {told.public_id for told in self.alive.values() if not told.whole}

    def teardown(self) -> None:
        """Start the next run empty."""
        renew()
        for told in self.alive.values():
            upload = uploads.find(self.actor, told.public_id)
            sources.delete_source(self.actor, upload.source.source_id)


def _reconcile_after_the_lease() -> None:
    """Run the sweep after the dead writer's lease has expired."""
    with transaction() as session:
        session.execute(update(Upload).values(lease_until=utcnow() - timedelta(seconds=1)))
    renew()
    reconcile()


def _in_chunks(piece: bytes) -> Iterator[bytes]:
    for first in range(0, len(piece), 300):
        yield piece[first : first + 300]


def _broken(piece: bytes, how: type[BaseException]) -> Iterator[bytes]:
    yield from _in_chunks(piece)
    raise how("broken off")


def _run(app: Flask, examples: int) -> None:
    key = api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})
    row = api_keys.find_api_key(key)
    assert row is not None
    Uploads.actor = as_key(row)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis ships it so
        Uploads,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # shrinking takes minutes
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.only_sqlite(reason="what is under test is the order of things")
def test_every_story_ends_well(app: Flask) -> None:
    _run(app, ORDINARY)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_every_story_of_very_many_ends_well(app: Flask) -> None:
    _run(app, CAMPAIGN)
