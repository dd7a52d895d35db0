"""Find, add and edit cameras; one that a detector names for the first time is added."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode, NotFound
from vigint_web.extensions import db
from vigint_web.models import Camera, LegalRegime
from vigint_web.services.accounts.sites import find_site
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import insert_into, transaction

LONGEST_NAME = 200
LONGEST_NUMBER = 100
MOST_DAYS = 36_500


@dataclass(frozen=True)
class CameraFacts:
    """The editable values of a camera; None: not stated."""

    name: str
    legal_regime: LegalRegime | None = None
    authorisation_number: str = ""
    authorisation_ends: date | None = None
    least_days: int | None = None
    most_days: int | None = None
    keeps_sound: bool = True


def camera_of(site_id: int, name: str) -> Camera:
    """Return the camera of that name, created if necessary; in the caller's transaction.

    The name is that of its detector, or that which people see.
    """
    with transaction() as session:
        found = _named(site_id, name)
        if found is not None:
            return found
        row = insert_into(session, Camera).values(
            site_id=site_id, detector_name=name, created_at=utcnow()
        )
        session.execute(row.on_conflict_do_nothing(index_elements=["site_id", "name"]))
        return session.scalars(
            select(Camera).where(Camera.site_id == site_id, Camera.detector_name == name)
        ).one()


def find_camera(actor: Actor, camera_id: int) -> Camera:
    """Return a camera with its site; raises NotFound if it does not exist for this actor."""
    camera = db.session.scalar(
        select(Camera)
        .where(Camera.id == camera_id, actor.scope(Camera.site_id))
        .options(joinedload(Camera.site))
    )
    if camera is None:
        raise NotFound
    return camera


def cameras_to_offer(actor: Actor, most: int = 500) -> list[str]:
    """Return the names of cameras of the actor's sites, each once, to choose from."""
    query = select(Camera.name).where(actor.scope(Camera.site_id)).distinct()
    return list(db.session.scalars(query.order_by(Camera.name).limit(most)))


def facts_of(camera: Camera) -> CameraFacts:
    """Return the current values of a camera."""
    return CameraFacts(
        name=camera.name,
        legal_regime=LegalRegime(camera.legal_regime) if camera.legal_regime else None,
        authorisation_number=camera.authorisation_number or "",
        authorisation_ends=camera.authorisation_ends,
        least_days=camera.least_days,
        most_days=camera.most_days,
        keeps_sound=camera.keeps_sound,
    )


def mistakes_in(facts: CameraFacts) -> list[Mistake]:
    """Return what is wrong with the values of a camera."""
    found = []
    if not facts.name or len(facts.name) > LONGEST_NAME:
        found.append(Mistake(MistakeCode.NAME_LENGTH, "name", {"most": LONGEST_NAME}))
    if len(facts.authorisation_number) > LONGEST_NUMBER:
        limit = {"most": LONGEST_NUMBER}
        found.append(Mistake(MistakeCode.TOO_LONG, "authorisation_number", limit))
    for field in ("least_days", "most_days"):
        days = getattr(facts, field)
        if days is not None and not 1 <= days <= MOST_DAYS:
            limits: dict[str, str | int] = {"least": 1, "most": MOST_DAYS}
            found.append(Mistake(MistakeCode.NOT_A_WHOLE_NUMBER, field, limits))
    if not found and facts.least_days and facts.most_days and facts.least_days > facts.most_days:
        found.append(Mistake(MistakeCode.LEAST_ABOVE_MOST, "most_days"))
    return found


def add_camera(actor: Actor, site_id: int, wanted: CameraFacts) -> Camera:
    """Add a camera to a site; detectors find it by its name.

    Raises:
        NotFound: the site does not exist for this actor.
        Invalid: every mistake at once.
        Conflict: another camera of the site has this name.
    """
    _refuse_mistakes(wanted)
    with transaction() as session:
        find_site(actor, site_id)
        if _named(site_id, wanted.name) is not None:
            raise Conflict
        camera = Camera(site_id=site_id, detector_name=wanted.name, **columns_of(wanted))
        session.add(camera)
        try:
            session.flush()
        except IntegrityError:  # a detector has just named it
            raise Conflict from None
        given = {name: value for name, value in plain(wanted).items() if value not in (None, "")}
        trail.record(actor, "camera:added", f"camera:{camera.id}", site_id=site_id, **given)
    return camera


def edit_camera(actor: Actor, camera_id: int, wanted: CameraFacts) -> Camera:
    """Change the values of a camera; it keeps its incidents, and its detector's name for it.

    Raises:
        NotFound: it does not exist for this actor.
        Invalid: every mistake at once.
        Conflict: another camera of the site has this name.
    """
    _refuse_mistakes(wanted)
    with transaction() as session:
        camera = find_camera(actor, camera_id)
        session.refresh(camera, with_for_update={"of": Camera})
        before, after = plain(facts_of(camera)), plain(wanted)
        changed = {
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        }
        if not changed:
            return camera
        if "name" in changed:
            other = _named(camera.site_id, wanted.name, but=camera_id)
            if other is not None:
                raise Conflict
            camera.shown_name = wanted.name if wanted.name != camera.detector_name else None
        for name, value in columns_of(wanted).items():
            setattr(camera, name, value)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict from None
        trail.record(
            actor, "camera:edited", f"camera:{camera_id}", site_id=camera.site_id, **changed
        )
    return camera


def _named(site_id: int, name: str, but: int = 0) -> Camera | None:
    """Return the camera that its detector or people call so."""
    return db.session.scalar(
        select(Camera)
        .where(
            Camera.site_id == site_id,
            or_(Camera.detector_name == name, Camera.shown_name == name),
            Camera.id != but,
        )
        .order_by(Camera.shown_name.is_(None).desc(), Camera.id)
        .limit(1)
    )


def columns_of(facts: CameraFacts) -> dict[str, Any]:
    """Return the columns of a camera with these values, but for its names."""
    return {
        "legal_regime": facts.legal_regime,
        "authorisation_number": facts.authorisation_number or None,
        "authorisation_ends": facts.authorisation_ends,
        "least_days": facts.least_days,
        "most_days": facts.most_days,
        "keeps_sound": facts.keeps_sound,
    }


def plain(facts: CameraFacts) -> dict[str, Any]:
    """Return the values in the form of the audit trail."""
    ends = facts.authorisation_ends
    return {**asdict(facts), "authorisation_ends": ends.isoformat() if ends else None}


def _refuse_mistakes(facts: CameraFacts) -> None:
    mistakes = mistakes_in(facts)
    if mistakes:
        raise Invalid(mistakes)
