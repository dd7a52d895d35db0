"""Tag sources: words of a site for finding them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, exists, select

from vigint_web.errors import Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.i18n.collation import fold
from vigint_web.models import Source, Tag, source_tags
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import insert_into, transaction

LONGEST = 60
MOST = 20


def parse_tags(text: str) -> list[str]:
    """Return the tags in a text, separated by commas; each once, in any spelling."""
    found: dict[str, str] = {}
    for part in text.replace(";", ",").split(","):
        tag = " ".join(part.split())
        if tag:
            found.setdefault(fold(tag), tag)
    return list(found.values())


def tag_mistakes(names: Sequence[str]) -> list[Mistake]:
    """Return the errors of tags: too many, or one too long."""
    mistakes = []
    if len(names) > MOST:
        mistakes.append(Mistake(MistakeCode.TOO_MANY_TAGS, "tags", {"most": MOST}))
    if any(len(name) > LONGEST for name in names):
        mistakes.append(Mistake(MistakeCode.TAG_TOO_LONG, "tags", {"most": LONGEST}))
    return mistakes


def set_tags(source: Source, names: Iterable[str]) -> None:
    """Set the tags of a source, in the caller's transaction.

    A tag that exists in its site in another spelling is reused; unused tags are deleted.
    """
    with transaction() as session:
        before = {tag.id for tag in source.tags}
        known = {fold(tag.name): tag for tag in _tags_of_site(source.site_id)}
        wanted = [known.get(fold(name)) or _add(source.site_id, name) for name in names]
        source.tags = list({tag.id: tag for tag in wanted}.values())
        session.flush()
        forget_unused(before - {tag.id for tag in source.tags})


def forget_unused(tag_ids: Iterable[int]) -> None:
    """Delete those of these tags that no source has, in the caller's transaction."""
    gone = list(tag_ids)
    if not gone:
        return
    with transaction() as session:
        carried = exists().where(source_tags.c.tag_id == Tag.id)
        session.execute(
            delete(Tag)
            .where(Tag.id.in_(gone), ~carried)
            .execution_options(synchronize_session=False)
        )


def list_tags(actor: Actor) -> list[Tag]:
    """Return the tags of sources of an actor's sites, by name."""
    carried = exists().where(source_tags.c.tag_id == Tag.id)
    query = select(Tag).where(actor.scope(Tag.site_id), carried)
    return sorted(db.session.scalars(query), key=lambda tag: (fold(tag.name), tag.id))


def _tags_of_site(site_id: int) -> list[Tag]:
    return list(db.session.scalars(select(Tag).where(Tag.site_id == site_id)))


def _add(site_id: int, name: str) -> Tag:
    with transaction() as session:
        row = insert_into(session, Tag).values(site_id=site_id, name=name)
        session.execute(row.on_conflict_do_nothing(index_elements=[Tag.site_id, Tag.name]))
        return session.scalars(select(Tag).where(Tag.site_id == site_id, Tag.name == name)).one()
