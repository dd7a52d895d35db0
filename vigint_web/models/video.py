"""Videos: all stored footage, from any origin."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import Claimable, UtcDateTime, Watched
from vigint_web.models.video_file import (
    FRAMES,
    ORIGINAL,
    PLAYABLE,
    NamedFile,
    Slot,
    VideoFile,
    files_named,
    keys_named,
)


class VideoStatus(StrEnum):
    """The state of a video."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class VideoKind(StrEnum):
    """The origin of a video; it determines how the original becomes a clip."""

    SOURCE = "source"
    FRAMES = "frames"
    CLIP = "clip"


_NARROWING = ("status", "site_id", "format", "stored_size")


class Video(Claimable, Watched, Base):
    """Stored footage: its original, derived files, and ffprobe's facts."""

    __tablename__ = "videos"
    __table_args__ = (
        Index("ix_videos_unfinished", "status", "lease_until"),
        # What is being prepared, and what failed.
        Index("ix_videos_by_status", "status", "kind", "created_at", "site_id", "id"),
        # One for each order of a list, with all filter columns, so that no list reads the rows,
        # which are wide, before it knows which fifty it shows.
        Index("ix_videos_by_created", "kind", "created_at", "id", *_NARROWING),
        Index("ix_videos_by_size", "kind", "original_size", "id", *_NARROWING, "created_at"),
        Index("ix_videos_by_duration", "kind", "duration", "id", *_NARROWING, "created_at"),
        Index("ix_videos_by_recorded", "kind", "recorded_at", "id", *_NARROWING, "created_at"),
        # For searching by file name; also for their number and total size.
        Index("ix_videos_by_name", "kind", "original_name"),
        Index("ix_videos_added_up", "kind", "site_id", "stored_size"),
        # A worker identifies its row by id and attempt: the id of a deleted video must not be
        # reused.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(64), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    kind: Mapped[VideoKind] = mapped_column(String(16))
    status: Mapped[VideoStatus] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # When the first picture was taken, if known; playback shows this clock.
    recorded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The date of deletion; null: kept until deleted by a user.
    purge_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    # The original still has its sound, which its camera's settings do not permit to keep.
    sound_to_remove: Mapped[bool] = mapped_column(default=False, server_default=false())

    original_name: Mapped[str] = mapped_column(String(255))
    original_key: Mapped[str | None] = mapped_column(String(400))
    original_size: Mapped[int | None] = mapped_column(BigInteger)
    original_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    # From here to the sprite: what processes of the version before know of files. Only
    # models/video_file.py reads and fills these columns; the table says what each file is.
    frames_key: Mapped[str | None] = mapped_column(String(400))
    frames_size: Mapped[int | None] = mapped_column(BigInteger)
    playable_key: Mapped[str | None] = mapped_column(String(400))
    playable_size: Mapped[int | None] = mapped_column(BigInteger)
    playable_sha256: Mapped[str | None] = mapped_column(String(64))
    playable_type: Mapped[str | None] = mapped_column(String(100))
    poster_key: Mapped[str | None] = mapped_column(String(400))
    poster_size: Mapped[int | None]
    poster_sha256: Mapped[str | None] = mapped_column(String(64))
    thumbnail_key: Mapped[str | None] = mapped_column(String(400))
    thumbnail_size: Mapped[int | None]
    thumbnail_sha256: Mapped[str | None] = mapped_column(String(64))
    sprite_key: Mapped[str | None] = mapped_column(String(400))
    sprite_size: Mapped[int | None]
    sprite_sha256: Mapped[str | None] = mapped_column(String(64))
    # All files that this row references, in bytes: for the totals of lists.
    stored_size: Mapped[int] = mapped_column(BigInteger, default=0)

    container: Mapped[str | None] = mapped_column(String(100))
    format: Mapped[str | None] = mapped_column(String(16))
    duration: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    fps: Mapped[float | None]
    bitrate: Mapped[int | None] = mapped_column(BigInteger)
    codec: Mapped[str | None] = mapped_column(String(64))
    pixel_format: Mapped[str | None] = mapped_column(String(64))
    rotation: Mapped[int | None]
    audio_codec: Mapped[str | None] = mapped_column(String(64))
    audio_channels: Mapped[int | None]
    audio_sample_rate: Mapped[int | None]
    # Codes of the defects of a file that plays nevertheless; see media/playable.py.
    flaws: Mapped[list[str] | None] = mapped_column(JSON)
    # Interruptions of the recording that are omitted from playback: [{"at": seconds of playback,
    # "left_out": seconds by which elapsed time exceeds playback from there on}], in order; null:
    # unknown. See media/clock.py.
    gaps: Mapped[list[dict[str, float]] | None] = mapped_column(JSON(none_as_null=True))
    # Further pictures of the same file, such as of a rear camera, numbered from 2: each {"number",
    # "width", "height", "duration"}; for the version before also its file ("key", "size", "sha256")
    # and, where a picture of it could be taken, "poster": {"key", "size", "sha256"}.
    tracks: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # The cuts: [{"start": seconds, "score": 0 to 1}], in order, the first at 0.
    scenes: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    # The layout of the sprite sheet, and the motion over time; see media/timeline.py.
    timeline: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    progress: Mapped[int | None]
    processing_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    processing_completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The code becomes a sentence in the reader's language; the detail is for the administrator.
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_detail: Mapped[str | None] = mapped_column(Text)

    # Written by services/videos/publication.py, beside the columns.
    files: Mapped[list[VideoFile]] = relationship(lazy="selectin", viewonly=True)

    @property
    def named_files(self) -> dict[Slot, NamedFile]:
        """Return the files of this video, by what they are to it."""
        return files_named(self, self.files)

    def file(self, kind: str, number: int = 1) -> NamedFile | None:
        """Return one file of this video, if there is one of that kind."""
        return self.named_files.get((kind, number))

    @property
    def streamed_size(self) -> int | None:
        """Return the bytes of what plays, once there is something."""
        plays = self.file(*PLAYABLE)
        return plays.size if plays is not None else None

    @property
    def is_converted(self) -> bool:
        """Return whether something else plays than the original."""
        original, plays = self.file(*ORIGINAL), self.file(*PLAYABLE)
        return original is not None and plays is not None and plays.key != original.key

    @property
    def resolution(self) -> str | None:
        """Return the size in the usual format, such as 1920x1080."""
        return f"{self.width}x{self.height}" if self.width and self.height else None

    @property
    def clock_began(self) -> datetime | None:
        """Return when the first picture was taken, where the times of all others follow from it.

        They do not if an unknown time was omitted between them.
        """
        left_out = self.gaps is None and "clock_jumps" in (self.flaws or [])
        return None if left_out else self.recorded_at

    @property
    def has_even_pace(self) -> bool:
        """Return whether all pictures have the same interval.

        Judged by ffprobe: the rate that fits every time stamp is also the mean rate.
        """
        for stream in (self.details or {}).get("streams", []):
            if stream.get("codec_type") == "video":
                rate = stream.get("r_frame_rate")
                return rate is not None and rate == stream.get("avg_frame_rate")
        return False

    @property
    def is_hard_to_identify(self) -> bool:
        """Return whether people may be hard to identify: less than 704x576, or 12 images a second.

        The usual minimum that police require of footage for identification.
        """
        if self.width is None or self.height is None:
            return False
        small = max(self.width, self.height) < 704 or min(self.width, self.height) < 576
        return small or (self.fps is not None and self.fps < 12)

    @property
    def keeps_frames(self) -> bool:
        """Return whether the frames as received are stored."""
        frames = self.file(*FRAMES)
        return frames is not None and not frames.key.endswith(".json")

    @property
    def waits_for_room(self) -> bool:
        """Return whether processing waits for space on the disk."""
        return self.status == VideoStatus.PROCESSING and self.error_code == "no_space"

    @property
    def is_settled(self) -> bool:
        """Return whether this video is in a final state."""
        return self.status in {VideoStatus.READY, VideoStatus.FAILED}

    @property
    def awaits_pictures(self) -> bool:
        """Return whether it can be watched, and a worker has still to make its pictures."""
        return self.status == VideoStatus.READY and self.lease_until is not None

    @property
    def is_complete(self) -> bool:
        """Return whether a worker has nothing left to do for this video."""
        return self.is_settled and not self.awaits_pictures

    @property
    def files_size(self) -> int:
        """Return the bytes of every file that this row names, each once."""
        sizes = {file.key: file.size for file in self.named_files.values()}
        return sum(size or 0 for size in sizes.values())

    @property
    def stored_keys(self) -> list[str]:
        """Return every file that this row names."""
        return sorted(keys_named(self, self.files))
