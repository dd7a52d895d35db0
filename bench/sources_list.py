"""Pages of 100,000 sources turned by key, against OFFSET, and filters against none.

Fills a database of its own (SQLite in a temporary folder, or the empty PostgreSQL database of the
URL). Times are elapsed ones for the whole page: keys, rows, tags and cameras.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from bench.databases import add_database_options, gather_statistics, migrated
from bench.measuring import Comparison, in_turns
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Source, Tag, Video, VideoKind, source_tags
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.keyset_pagination import (
    PAGE,
    SORTED_TOP,
    Mark,
    SortedCursor,
    SortedPage,
)
from vigint_web.services.core.transactions import transaction
from vigint_web.services.sources.listing import (
    COLUMNS,
    EVERY,
    SORTS,
    Sorting,
    SourceFilter,
    SourceList,
    Sum,
)

_BATCH = 5000
_REPEATS = 5
_QUICK = 1000
# As large as ffprobe's answer for a common file: lists should not read it in vain.
_DETAILS = {"streams": [{"codec_type": "video", "tags": "x" * 1800}]}


def _videos(rows: range, total: int, site_ids: list[int]) -> Iterator[dict[str, Any]]:
    dice = random.Random(rows.start)
    now = utcnow()
    for number in rows:
        luck = dice.random()
        ready = luck < 0.985
        size, added = dice.randrange(10**5, 10**8), now - timedelta(minutes=5 * (total - number))
        yield {
            "id": number,
            "public_id": f"vid_{number:016x}",
            "site_id": site_ids[dice.random() < 0.1],
            "kind": VideoKind.SOURCE,
            "status": "ready" if ready else "failed" if luck < 0.999 else "processing",
            "created_at": added,
            "changed_at": added,
            "recorded_at": added - timedelta(hours=9) if dice.random() < 0.3 else None,
            "original_name": f"camera_{dice.randrange(99)}_{number}.mp4",
            "original_key": f"videos/vid_{number:016x}/original.mp4",
            "original_size": size,
            "original_sha256": f"{number:064x}",
            "stored_size": size + 10_000,
            "format": dice.choice(["mp4"] * 8 + ["mkv", "avi"]) if ready else None,
            "duration": dice.uniform(1, 3000) if ready else None,
            "details": _DETAILS,
        }


def _fill(total: int) -> None:
    site_ids = [sites.default_site().id, sites.get_or_add_site("second").id]
    with transaction() as session:
        camera_ids = [cameras.camera_of(site_ids[0], f"Camera {n}").id for n in range(20)]
        tags = [Tag(site_id=site_ids[0], name=f"tag {n}") for n in range(30)]
        session.add_all(tags)
        session.flush()
        tag_ids = [tag.id for tag in tags]
    dice = random.Random(1)
    for start in range(1, total + 1, _BATCH):
        rows = range(start, min(start + _BATCH, total + 1))
        videos = list(_videos(rows, total, site_ids))
        sources = [
            {
                "id": video["id"],
                "video_id": video["id"],
                "source_id": f"file_{video['id']:03d}",
                "site_id": video["site_id"],
                "name": f"{dice.choice(['North', 'South', 'Dock'])} {dice.randrange(total)}",
                "description": "A description of middling length, as people write them at times.",
                "camera_id": dice.choice(camera_ids) if dice.random() < 0.5 else None,
                "created_at": video["created_at"],
            }
            for video in videos
        ]
        carried = [
            {"source_id": video["id"], "tag_id": tag_id}
            for video in videos
            for tag_id in {
                dice.choice(tag_ids[:1] * 30 + tag_ids) for _ in range(dice.randrange(3))
            }
        ]
        with transaction() as session:
            session.execute(insert(Video), videos)
            session.execute(insert(Source), sources)
            session.execute(insert(source_tags), carried)
    gather_statistics()


def _ms(ask: Callable[[], object]) -> float:
    """Return how long a call takes without anything loaded, in milliseconds."""
    db.session.rollback()
    db.session.expunge_all()
    began = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - began)


def _page(
    wanted: SourceFilter, sorting: Sorting, place: SortedCursor = SORTED_TOP
) -> SortedPage[Source]:
    return SourceList(SYSTEM, wanted).page(sorting, place)


def _sum(wanted: SourceFilter) -> Sum:
    return SourceList(SYSTEM, wanted).sum()


def _by_offset(sorting: Sorting, offset: int) -> list[Source]:
    """Read a page by OFFSET: all the rows before it are read and discarded."""
    column, _known = COLUMNS[sorting.by]
    order = [column.desc().nulls_last(), Video.id.desc()]
    query = select(Source).join(Video).where(Video.kind == VideoKind.SOURCE).order_by(*order)
    return list(db.session.scalars(query.limit(PAGE + 1).offset(offset)))


def _deep(sorting: Sorting, depth: int) -> SortedCursor:
    """Return the cursor after that many rows."""
    row = _by_offset(sorting, depth - 1)[0]
    column, _known = COLUMNS[sorting.by]
    value = getattr(row if column.class_ is Source else row.video, column.key)
    return SortedCursor(before=Mark(value, row.video_id))


def _compare(depth: int, rounds: int, warm_up: int) -> Iterator[Comparison]:
    for by in SORTS:
        sorting = Sorting(by, descending=True)
        for name, place, offset in (
            ("first page", SORTED_TOP, 0),
            ("middle", _deep(sorting, depth), depth),
        ):
            turns = {
                "key": partial(_ms, partial(_page, EVERY, sorting, place)),
                "offset": partial(_ms, partial(_by_offset, sorting, offset)),
            }
            found = in_turns(turns, rounds, warm_up=warm_up)
            yield Comparison(f"by {by}, {name}, to OFFSET", "ms", found["key"], found["offset"])


def _narrow(rounds: int, warm_up: int) -> Iterator[Comparison]:
    filters = {
        "failed": SourceFilter(state="failed"),
        "format": SourceFilter(format="avi"),
        "site": SourceFilter(site_id=2),
        "camera": SourceFilter(camera_id=3),
        "common tag": SourceFilter(tag="tag 0"),
        "rare tag": SourceFilter(tag="tag 7"),
        "common word": SourceFilter(text="dock"),
        "rare word": SourceFilter(text="file_77"),
        "no such word": SourceFilter(text="zzzz"),
    }
    for name, wanted in filters.items():
        kinds: dict[str, Callable[[SourceFilter], object]] = {"sum": _sum}
        kinds |= {f"by {by}": partial(_page, sorting=Sorting(by)) for by in SORTS}
        for kind, ask in kinds.items():
            turns = {
                "narrowed": partial(_ms, partial(ask, wanted)),
                "all": partial(_ms, partial(ask, EVERY)),
            }
            found = in_turns(turns, rounds, warm_up=warm_up)
            yield Comparison(f"{name}, {kind}, to all", "ms", found["narrowed"], found["all"])


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    add_database_options(parser)


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Fill the database and compare."""
    rows, rounds, warm_up = (_QUICK, 1, 0) if asked.quick else (asked.rows, _REPEATS, 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated(Path(folder), asked.database) as app,
        app.app_context(),
    ):
        _fill(rows)
        yield from _compare(rows // 2, rounds, warm_up)
        yield from _narrow(rounds, warm_up)
