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
class KnownUpload:
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
        self.alive: dict[str, KnownUpload] = {}
        self.memories: list[OrderedDict[str, hashing.Tally]] = [OrderedDict(), OrderedDict()]

    @rule(target=begun, length=st.integers(1, MOST))
    def begin(self, length: int) -> KnownUpload:
        upload = uploads.begin(self.actor, uploads.Announced(length, "clip.mp4"))
        known = KnownUpload(upload.public_id, length)
        self.alive[known.public_id] = known
        return known

    def _send(self, known: KnownUpload, process: int, offset: int, body: Body) -> int:
        renew()
        with mock.patch.object(hashing, "_kept", self.memories[process]):
            upload = uploads.find(self.actor, known.public_id)
            return receiving.receive(self.actor, upload, offset, body)

    @rule(
        known=begun,
        process=st.integers(0, 1),
        seed=st.integers(0, 99),
        share=st.floats(0, 1),
        checked=st.booleans(),
    )
    def send(
        self, known: KnownUpload, process: int, seed: int, share: float, checked: bool
    ) -> None:
        if known.whole or known.public_id not in self.alive:
            return
        piece = _content(seed, round(known.missing * share))
        checksum = Checksum("sha1", hashlib.sha1(piece, usedforsecurity=False).digest())
        body = Body(_in_chunks(piece), len(piece), checksum if checked else None)
        reached = self._send(known, process, len(known.held), body)
        known.held += piece
        assert reached == len(known.held)
        known.whole = known.missing == 0

    @rule(known=begun, process=st.integers(0, 1), seed=st.integers(0, 99))
    def send_the_rest(self, known: KnownUpload, process: int, seed: int) -> None:
        self.send(known, process, seed, 1.0, False)

    @rule(known=begun, process=st.integers(0, 1), offset=st.integers(0, MOST))
    def send_elsewhere(self, known: KnownUpload, process: int, offset: int) -> None:
        if known.whole or offset in {len(known.held), known.length} or offset > known.length:
            return
        with pytest.raises(WrongOffset) as refused:
            self._send(known, process, offset, Body([b"x"], 1))
        assert refused.value.offset == len(known.held)

    @rule(known=begun, process=st.integers(0, 1), announced=st.booleans())
    def send_too_much(self, known: KnownUpload, process: int, announced: bool) -> None:
        piece = b"x" * (known.missing + 1)
        length = len(piece) if announced else None
        with pytest.raises(UploadFinished if known.whole else UploadTooLong):
            self._send(known, process, len(known.held), Body(_in_chunks(piece), length))

    @rule(known=begun, process=st.integers(0, 1))
    def send_what_changes_on_its_way(self, known: KnownUpload, process: int) -> None:
        if known.whole:
            return
        piece = b"y" * known.missing
        body = Body(_in_chunks(piece), len(piece), Checksum("md5", b"z" * 16))
        with pytest.raises(ChecksumMismatch):
            self._send(known, process, len(known.held), body)

    @rule(
        known=begun,
        process=st.integers(0, 1),
        share=st.floats(0, 1),
        checked=st.booleans(),
        killed=st.booleans(),
    )
    def break_off(
        self, known: KnownUpload, process: int, share: float, checked: bool, killed: bool
    ) -> None:
        """The connection breaks, or the whole process dies, after some bytes."""
        if known.whole:
            return
        piece = _content(7, round(known.missing * share))
        checksum = Checksum("sha1", b"z" * 20) if checked else None
        body = Body(_broken(piece, Killed if killed else OSError), known.missing, checksum)
        with ExitStack() as dead:
            for cleaning in ("_save", "_give_back") if killed else ():
                dead.enter_context(mock.patch.object(receiving, cleaning))
            dead.enter_context(pytest.raises(Killed if killed else OSError))
            self._send(known, process, len(known.held), body)
        if killed:
            self.memories[process].clear()
        if not checked:
            known.held += piece

    @rule(known=begun, process=st.integers(0, 1), published=st.booleans())
    def die_at_the_end(self, known: KnownUpload, process: int, published: bool) -> None:
        """The process dies with all bytes on its disk, before or after they are published."""
        if known.whole:
            return
        piece = _content(9, known.missing)
        dies = "_hand_over" if published else "_publish"
        with (
            pytest.raises(Killed),
            mock.patch.object(receiving, dies, side_effect=Killed),
            mock.patch.object(receiving, "_give_back"),
        ):
            self._send(known, process, len(known.held), Body(_in_chunks(piece), len(piece)))
        self.memories[process].clear()
        known.held += piece
        renew()
        assert receiving.see(uploads.find(self.actor, known.public_id)) == known.length
        if process:
            assert self._send(known, process, known.length, Body([], 0)) == known.length
        else:
            _reconcile_after_the_lease()
        known.whole = True

    @rule(known=begun)
    def ask_again_for_what_is_done(self, known: KnownUpload) -> None:
        if known.whole:
            assert self._send(known, 0, known.length, Body([], 0)) == known.length

    @rule(known=consumes(begun))
    def terminate(self, known: KnownUpload) -> None:
        renew()
        if known.whole:
            with pytest.raises(UploadFinished):
                uploads.terminate(self.actor, known.public_id)
        else:
            uploads.terminate(self.actor, known.public_id)
            del self.alive[known.public_id]

    @rule()
    def sweep(self) -> None:
        renew()
        reconcile()
        assert uploads.sweep_staged() == 0

    @invariant()
    def everything_is_as_the_client_knows(self) -> None:
        renew()
        for known in self.alive.values():
            upload = uploads.find(self.actor, known.public_id)
            assert receiving.held(upload) == len(known.held)
            video = upload.source.video
            if known.whole:
                assert video.status == VideoStatus.PROCESSING
                assert video.original_sha256 == hashlib.sha256(known.held).hexdigest()
                with storage().open(str(video.original_key)) as file:
                    assert file.read() == known.held
            else:
                assert video.status == VideoStatus.UPLOADING
        staged = {held.name for held in storage().list_staged()}
        assert staged <= {known.public_id for known in self.alive.values() if not known.whole}

    def teardown(self) -> None:
        """Start the next run empty."""
        renew()
        for known in self.alive.values():
            upload = uploads.find(self.actor, known.public_id)
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
    run_state_machine_as_test(
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
