"""The folder of spooled alerts: atomic, bounded, and never two processes on one."""

import datetime as dt
import json
import multiprocessing
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_client.frames import Frame, FrameBatch
from vigint_client.keeping import Keeping
from vigint_client.posting import Posting
from vigint_client.spool import Claim, Spool, SpoolFull, called_at, time_ns
from vigint_client.spool_config import SpoolSettings, find_spool_settings
from vigint_client.spool_entry import CorruptEntry, Kept

CHECKOUT = Path(__file__).resolve().parents[3]
NOW = dt.datetime.now(dt.UTC)
NAIVE = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone


def kept(
    number: int = 0, frames: tuple[bytes, ...] = (b"\xff\xd8one", b"\xff\xd8two"),
    called: dt.datetime | None = None, stamped: bool = True, risk: object = None,
) -> Kept:  # fmt: skip
    document: dict[str, object] = {"message": f"alert {number}", "incident_data": {"camera": "é"}}
    if stamped and frames:
        document["timestamps"] = [float(index) for index in range(len(frames))]
    if risk is not None:
        document["incident_data"] = {"risk_level": risk}
    batch = FrameBatch(tuple(Frame(data) for data in frames), 1)
    posting = Posting(f"key{number}", document, batch)
    return Kept(posting, called or NOW + dt.timedelta(seconds=number), "security", "target")


def keep(spool: Spool, alert: Kept) -> str:
    claim, dropped = spool.put(alert)
    assert dropped == []
    claim.release()
    return claim.name


def claim_of(spool: Spool, name: str) -> Claim:
    claim = spool.claim(name)
    assert claim is not None
    return claim


@contextmanager
def claimed(spool: Spool, name: str) -> Iterator[Claim]:
    claim = claim_of(spool, name)
    yield claim
    claim.release()


@pytest.fixture
def spool(spool_settings: SpoolSettings) -> Spool:
    return Spool(spool_settings)


def test_what_is_kept_comes_back_as_it_was(spool: Spool) -> None:
    name = keep(spool, kept())
    claim = claim_of(spool, name)
    back = claim.read()
    assert [frame.data for frame in back.posting.batch.frames] == [b"\xff\xd8one", b"\xff\xd8two"]
    assert [frame.timestamp for frame in back.posting.batch.frames] == [0.0, 1.0]
    assert back.posting.document == kept().posting.document
    assert back.posting.body().size == len(b"".join(back.posting.body().chunks()))
    assert (back.posting.key, back.posting.batch.left_out) == ("key0", 1)
    assert (back.called_at, back.alert_type, back.target) == (NOW, "security", "target")
    claim.remove()
    assert list(spool.folder.iterdir()) == []


def test_nobody_else_on_the_machine_can_read_it(spool: Spool, spool_dir: Path) -> None:
    spool_dir.mkdir(parents=True, mode=0o755)
    claim, _dropped = spool.put(kept())
    claim.told = ["guard@example.org"]
    claim.release()
    name = keep(spool, kept(1))
    claim_of(spool, name).set_aside("refused")
    found = [spool_dir, *spool_dir.rglob("*")]
    assert len(found) == 6
    for path in found:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_folder_that_is_somebody_elses_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    spool = Spool(SpoolSettings(tmp_path / "link", 10**6, 1e6))
    with pytest.raises(OSError, match="own"):
        spool.put(kept())
    assert not Keeping(spool, kept()).keep()


def test_a_folder_that_others_use_stays_theirs(tmp_path: Path) -> None:
    for name, mode, content in (("shared", 0o755, "notes.txt"), ("sticky", 0o1777, None)):
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(mode)
        if content:
            (folder / content).touch()
        theirs = Spool(SpoolSettings(folder, 10**6, 1e6))
        keeping = Keeping(theirs, kept())
        assert not keeping.keep()
        with pytest.raises(PermissionError):
            theirs.names()
        with pytest.raises(PermissionError):
            theirs.tidy()
        assert stat.S_IMODE(folder.stat().st_mode) == mode


def test_only_one_can_work_on_an_alert(spool: Spool) -> None:
    claim, _dropped = spool.put(kept())
    assert spool.claim(claim.name) is None
    claim.release()
    second = spool.claim(claim.name)
    assert second is not None
    assert spool.claim(claim.name) is None
    second.remove()
    assert spool.claim(claim.name) is None


def test_the_alert_of_a_dead_process_comes_back(spool: Spool) -> None:
    name = keep(spool, kept())
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(spool.folder, name, there))
    process.start()
    try:
        assert here.poll(30)
        assert here.recv() == "held"
        assert spool.claim(name) is None
    finally:
        process.kill()
        process.join()
    with claimed(spool, name) as claim:
        assert claim.read().posting.key == "key0"


def _hold(folder: Path, name: str, pipe: Connection) -> None:
    claim = Spool(SpoolSettings(folder, 10**6, 1e6)).claim(name)
    pipe.send("held" if claim else "free")
    pipe.recv()


def test_a_forked_child_keeps_no_lock(spool: Spool) -> None:
    claim, _dropped = spool.put(kept())
    there, here = os.pipe()
    ready, forked = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        os.write(forked, b".")
        os.read(there, 1)  # until the parent is done
        os._exit(0)
    os.close(there)
    try:
        assert os.read(ready, 1) == b"."
        # Like the kernel for a killed process: only closed files.
        claim.file.close()
        with claimed(spool, claim.name):
            pass
    finally:
        for end in (here, ready, forked):
            os.close(end)
        os.waitpid(child, 0)


def test_the_oldest_goes_first_when_there_is_too_much(
    spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(SpoolSettings(spool_dir, 200_000, 7 * 86_400))
    frames = (b"\xff\xd8" + bytes(50_000),)
    names = [keep(spool, kept(number, frames)) for number in range(3)]
    busy = claim_of(spool, names[0])
    claim, dropped = spool.put(kept(3, (b"\xff\xd8" + bytes(70_000),)))
    assert dropped == [names[1]], "what is being delivered stays, the next oldest goes"
    assert "1 kept alert(s) were dropped" in caplog.text
    busy.release()
    claim.release()
    with pytest.raises(SpoolFull):
        spool.put(kept(4, (bytes(200_001),)))
    assert len(spool.names()) == 3


def test_what_was_set_aside_goes_before_what_waits(spool_dir: Path) -> None:
    spool = Spool(SpoolSettings(spool_dir, 200_000, 7 * 86_400))
    frames = (b"\xff\xd8" + bytes(50_000),)
    names = [keep(spool, kept(number, frames)) for number in range(3)]
    claim_of(spool, names[2]).set_aside("refused\nfor a reason")
    assert spool.aside() == [(names[2], "refused\nfor a reason")]
    claim, dropped = spool.put(kept(3, (b"\xff\xd8" + bytes(70_000),)))
    claim.release()
    assert dropped == [names[2]]
    assert spool.aside() == []
    assert list((spool_dir / "aside").iterdir()) == []


@given(
    st.lists(
        st.sampled_from([None, "LOW", "low", "MEDIUM", "?", "HIGH", "CRITICAL"]),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=15, deadline=None)
def test_the_lowest_risk_goes_first_and_of_one_risk_the_oldest(risks: list[str | None]) -> None:
    ranks = {"LOW": 0, "MEDIUM": 1, "HIGH": 3, "CRITICAL": 4}
    with tempfile.TemporaryDirectory() as folder:
        frames = (b"\xff\xd8" + bytes(20_000),)
        roomy = Spool(SpoolSettings(Path(folder) / "spool", 10**9, 7 * 86_400))
        names = [keep(roomy, kept(number, frames, risk=risk)) for number, risk in enumerate(risks)]
        order = [
            name
            for _rank, name in sorted(
                (ranks.get(str(risk).upper(), 2), name)
                for risk, name in zip(risks, names, strict=True)
            )
        ]
        small = Spool(SpoolSettings(roomy.folder, 50_000, 7 * 86_400))
        claim, dropped = small.put(kept(99, frames, risk="LOW"))
        claim.release()
        assert dropped == order[: len(dropped)]
        assert claim.name in small.names(), "the newest is never dropped"
        tiny = Spool(SpoolSettings(roomy.folder, 1, 7 * 86_400))
        tiny.tidy()
        assert tiny.names() == [claim.name]


def test_what_is_too_old_goes_but_not_by_a_clock_that_was_never_set(spool: Spool) -> None:
    unset = keep(spool, kept(1, called=dt.datetime(1970, 1, 1, 0, 5, tzinfo=dt.UTC)))
    future = keep(spool, kept(2, called=NOW + dt.timedelta(days=400)))
    old = keep(spool, kept(0, called=NOW - dt.timedelta(days=8)))
    assert spool.tidy() == [old]
    assert spool.names() == [unset, future]


def test_what_the_dead_left_behind_is_swept_and_what_the_living_write_is_not(
    spool: Spool, spool_dir: Path
) -> None:
    name = keep(spool, kept())
    (spool_dir / "0123.part").write_bytes(b"half")
    (spool_dir / f"{name[:-9]}x.alert.told").write_text("[]")
    (spool_dir / "notes.txt").write_text("not ours")
    part, file = spool._create()
    assert spool.tidy() == []
    assert {path.name for path in spool_dir.iterdir()} == {name, "notes.txt", part.name}
    file.close()
    spool.tidy()
    assert not part.exists()


def test_no_room_for_all_frames_keeps_some(
    spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(SpoolSettings(spool_dir, 100_000, 7 * 86_400))
    keeping = Keeping(spool, kept(0, tuple(b"\xff\xd8" + bytes(30_000) for _ in range(9))))
    assert keeping.keep()
    keeping.release()
    assert keeping.frames_kept == 2
    with claimed(spool, spool.names()[0]) as claim:
        back = claim.read()
    assert back.posting.key == "key0"
    assert [frame.timestamp for frame in back.posting.batch.frames] == [0.0, 8.0]
    assert back.posting.batch.left_out == 1 + 7
    assert "no room for 9 frames" in caplog.text


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_half(spool_dir: Path) -> None:
    program = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))\n"
        "from pathlib import Path\n"
        "import test_client_spool as t\n"
        "spool = t.Spool(t.SpoolSettings(Path(sys.argv[1]), 10**9, 1e6))\n"
        "frames = tuple(b'\\xff\\xd8' + bytes(30_000) for _ in range(9))\n"
        "keeping = t.Keeping(spool, t.kept(0, frames))\n"
        "print(keeping.keep(), keeping.frames_kept)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, spool_dir],
        cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=150,
        env=os.environ | {"PYTHONPATH": f"{CHECKOUT}{os.pathsep}{Path(__file__).parent}"},
    )  # fmt: skip
    assert done.stdout == "True 2\n"
    (path,) = spool_dir.iterdir()
    with claimed(Spool(SpoolSettings(spool_dir, 10**9, 1e6)), path.name) as claim:
        assert len(claim.read().posting.batch.frames) == 2


def test_a_disk_that_refuses_is_said(spool_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool_dir.parent.joinpath("spool").write_text("a file in the way")
    keeping = Keeping(Spool(SpoolSettings(spool_dir, 10**6, 1e6)), kept())
    assert not keeping.keep()
    assert "VIGINT_SPOOL_DIR" in caplog.text
    keeping.tell(["a@example.org"])
    keeping.drop()
    keeping.release()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damage_goes_unseen(spool: Spool, data: st.DataObject) -> None:
    frames = (b"\xff\xd8" + bytes(range(200)), b"\xff\xd8" + bytes(300))
    name = keep(spool, kept(0, frames))
    path = spool.path(name)
    whole = path.read_bytes()
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        bit = 1 << data.draw(st.integers(0, 7))
        damaged = whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
    path.write_bytes(damaged)
    with claimed(spool, name) as claim:
        try:
            back = claim.read()
        except CorruptEntry:
            return
        # Facts are correct or missing; a frame is unchanged or skipped with its time.
        assert back.posting.document["message"] == "alert 0"
        for frame in back.posting.batch.frames:
            assert isinstance(frame.timestamp, float)
            assert frame.data == frames[int(frame.timestamp)]
    assert back.posting.batch.left_out == 1 + 2 - len(back.posting.batch.frames)


@given(st.datetimes(NAIVE, NAIVE + dt.timedelta(days=80_000), timezones=st.just(dt.UTC)))
def test_names_sort_by_the_time_of_the_call(moment: dt.datetime) -> None:
    name = f"{time_ns(moment):020d}-key.alert"
    assert called_at(name) == pytest.approx(moment.timestamp(), abs=1e-5)
    later = moment + dt.timedelta(microseconds=1)
    assert f"{time_ns(later):020d}" > name[:20]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def found_settings(environ: dict[str, str], folders: Sequence[Path] = ()) -> SpoolSettings:
    found = find_spool_settings(environ, folders)
    assert found is not None
    return found


def test_where_alerts_are_kept(home: Path) -> None:
    def folder(**environ: str) -> Path:
        return found_settings(environ).folder

    assert folder() == home / ".local/state/vigint/spool"
    assert folder(XDG_STATE_HOME="/state") == Path("/state/vigint/spool")
    assert folder(XDG_STATE_HOME="relative") == home / ".local/state/vigint/spool"
    assert folder(VIGINT_SPOOL_DIR="~/kept", XDG_STATE_HOME="/state") == home / "kept"
    (home / ".env").write_text("VIGINT_SPOOL_DIR=/srv/kept\n")
    assert found_settings({}, [home]).folder == Path("/srv/kept")


def test_a_user_without_a_home_keeps_them_where_they_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    found = found_settings({})
    assert found.folder.name == f"vigint-spool-{os.getuid()}"


def test_limits_of_the_spool(caplog: pytest.LogCaptureFixture) -> None:
    found = found_settings({})
    assert (found.max_bytes, found.max_age) == (1_024_000_000, 29 * 86_400)
    found = found_settings({"VIGINT_SPOOL_MAX_MB": "10", "VIGINT_SPOOL_MAX_DAYS": "0.5"})
    assert (found.max_bytes, found.max_age) == (10_000_000, 43_200)
    assert find_spool_settings({"VIGINT_SPOOL_MAX_MB": "0"}, []) is None
    # The server forgets keys after 30 days.
    found = found_settings({"VIGINT_SPOOL_MAX_MB": "much", "VIGINT_SPOOL_MAX_DAYS": "31"})
    assert (found.max_bytes, found.max_age) == (1_024_000_000, 29 * 86_400)
    assert caplog.text.count("is used") == 2


def test_what_was_set_aside_can_be_brought_back(spool: Spool) -> None:
    name = keep(spool, kept())
    claim = claim_of(spool, name)
    claim.told = ["guard@example.org"]
    assert json.loads(spool.told_path(name).read_text()) == claim.told == ["guard@example.org"]
    claim.set_aside("refused")
    assert spool.names() == []
    spool.bring_back(name)
    with claimed(spool, name) as claim:
        assert claim.read().posting.key == "key0"
        assert claim.told == ["guard@example.org"], "no recipient is mailed twice"
