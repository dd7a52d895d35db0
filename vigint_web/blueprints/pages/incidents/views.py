"""Views of incidents."""

from typing import Any

from flask import flash, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import DECIDED, ActionForm
from vigint_web.blueprints.pages.incidents import lists
from vigint_web.blueprints.pages.incidents.blueprint import blueprint
from vigint_web.clock import utcnow
from vigint_web.config.values import LOCALES
from vigint_web.errors import Invalid, TooManyNotes
from vigint_web.http.base.errors import status_of
from vigint_web.http.pages.incident_filters import (
    Walk,
    asked_walk,
)
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.locale import use_zone
from vigint_web.http.pages.mail_frames import mail_frame
from vigint_web.http.security.identity import actor, can
from vigint_web.i18n.formats import reader_zone
from vigint_web.i18n.reasons import reason_words
from vigint_web.i18n.refusals import error_sentence
from vigint_web.i18n.timezones import offset_of
from vigint_web.models import Incident, Notification
from vigint_web.permissions import Permission
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.dispatch import digests
from vigint_web.services.hosting import remote
from vigint_web.services.incidents import incidents, reading
from vigint_web.services.incidents.clip_boxes import summary_of
from vigint_web.services.incidents.downloads import offers_of
from vigint_web.services.incidents.listing import (
    IncidentList,
    next_undecided,
)
from vigint_web.services.incidents.neighbours import neighbours_of
from vigint_web.services.links import links
from vigint_web.services.notifications import delivery, sent_mails
from vigint_web.services.notifications import preview as previews
from vigint_web.services.retention import camera_limits
from vigint_web.services.review import acts, assignment, confidentiality, reasons
from vigint_web.services.review.incident_timeline import timeline_of

# Asks for an incident alone, for a page that has its list already.
PART, DETAIL = "X-Vigint-Part", "detail"
# Asks for one before it is shown: it is not read by that, and the messages stay for the next page.
AHEAD = "X-Vigint-Ahead"


@blueprint.get("/<reference>/")
def show(reference: str) -> str:
    """Show one incident: facts, player, deliveries, links."""
    return _page(reference)


@blueprint.post("/<reference>/note")
def add_note(reference: str) -> Response | tuple[str, int]:
    """Add a note; a refused one is shown again, with what is wrong."""
    text = request.form.get("text", "")
    incidents.get_incident(actor(), reference)
    try:
        acts.add_note(actor(), reference, text)
    except (Invalid, TooManyNotes) as error:
        page = _page(reference, note_text=text, note_mistake=error_sentence(error))
        return page, status_of(error)
    flash(_("Note added."), "success")
    return redirect(url_for("incidents.show", reference=reference, **asked_walk().arguments))


def _page(reference: str, **more: str) -> str:
    walk, newer, older, following = asked_walk(), None, None, None
    part = request.headers.get(PART) == DETAIL
    ahead = part and request.headers.get(AHEAD) == "1"
    incident = incidents.get_incident(actor(), reference)
    if ahead:
        g.is_poll = True  # a session that a decision writes meanwhile must not be overwritten
    else:
        reading.mark_read(actor(), incident)
    # Before the incident, which is shown in the zone of its site.
    beside = None if walk.is_from_list else incident
    pane = "" if part else lists.pane(reference, beside)
    shown = _shown(reference, walk)
    if walk.is_from_list:
        listed = IncidentList(actor(), walk.wanted, by_risk=walk.is_by_risk)
        newer, older = listed.around(incident)
        following = older or newer
        if walk.wanted.state is None and can(Permission.MANAGE_INCIDENTS):
            following = next_undecided(actor(), walk.wanted, incident, by_risk=walk.is_by_risk)
    return render_template(
        "incidents/part.html" if part else "incidents/show.html",
        pane=pane,
        form=ActionForm(),
        undo=None if ahead else session.pop(DECIDED, None),
        ahead=ahead,
        following=following,
        newer=newer,
        older=older,
        kept_list=walk.listed,
        **shown,
        **more,
    )


@blueprint.get("/<reference>/live")
def live(reference: str) -> Response:
    """Return the changing part of an incident's page."""
    return live_page(
        lambda: render_template(
            "incidents/_live.html", form=ActionForm(), **_shown(reference, asked_walk())
        )
    )


def _shown(reference: str, walk: Walk) -> dict[str, Any]:
    incident = incidents.get_incident(actor(), reference)
    listed = offset_of(reader_zone(), incident.detected_at)
    use_zone(zone_of(incident.site))
    here = offset_of(reader_zone(), incident.detected_at)
    notifications = incidents.notifications_of(incident.id)
    complete = incident.video is None or incident.video.is_complete
    return {
        "incident": incident,
        # Where its times differ from those of the list.
        "offset": here if here != listed else None,
        "video": incident.video,
        "days_of_camera": camera_limits.limiting(incident.camera_id),
        "notifications": notifications,
        # Mails contain live links.
        "mails": sent_mails.mails_of(actor(), [notification.id for notification in notifications])
        if can(Permission.READ_OUTBOX)
        else {},
        "first": incident.grouped_under,
        "repeats": digests.repeats_of(incident.id),
        "repeats_in_all": digests.count_repeats([incident.id]).get(incident.id, 0),
        "links": links.links_of_video(incident.video_id) if incident.video_id else [],
        "hosting": remote.find_hosting(incident.id),
        "walk": walk.arguments,
        "boxes": summary_of(incident),
        "neighbours": neighbours_of(actor(), incident),
        "offers": offers_of(incident) if can(Permission.MANAGE_INCIDENTS) else [],
        **_reviewed(incident, notifications),
        "now": utcnow(),
        "busy": not complete
        or any(notification.state in {"waiting", "pending"} for notification in notifications),
    }


def _reviewed(incident: Incident, notifications: list[Notification]) -> dict[str, object]:
    labels = reasons.reason_labels()

    def reason_of(code: str | None) -> str:
        return reason_words(code, labels.get(code)) if code else ""

    works = can(Permission.MANAGE_INCIDENTS)
    return {
        "timeline": timeline_of(incident, notifications),
        "reason_of": reason_of,
        "reason": reason_of(incident.reason),
        "reasons": [(one.code, reason_of(one.code)) for one in reasons.list_reasons()],
        "last_reason": reasons.last_reason_of(incident.camera_id) if works else None,
        "assignee": assignment.assignee_of(incident),
        "restriction": confidentiality.restriction_of(incident.id),
        "assignable": assignment.assignable(incident.site_id, incident.id) if works else [],
    }


@blueprint.get("/<reference>/mail")
def preview(reference: str) -> str:
    """Preview a recipient's mail about an incident."""
    return render_template("incidents/preview.html", **_previewed(reference))


@blueprint.get("/<reference>/mail/html")
def preview_html(reference: str) -> Response:
    """Show the HTML of that mail, without scripts or requests."""
    shown = _previewed(reference)["preview"]
    return mail_frame(shown.html if shown is not None else "")


def _previewed(reference: str) -> dict[str, Any]:
    asked, locale = request.args.get("to", "")[:300], request.args.get("lang", "")[:8]
    shown = mistake = None
    try:
        shown = previews.preview_mail(actor(), reference, asked, locale)
    except Invalid as error:
        mistake = error_sentence(error)
    return {
        "preview": shown,
        "mistake": mistake,
        "incident": incidents.get_incident(actor(), reference),
        "asked": asked,
        "locale": locale if locale in LOCALES else "",
    }


@blueprint.post("/<reference>/retry")
def retry(reference: str) -> Response:
    """Encode a failed incident's video again."""
    incidents.retry_incident_video(actor(), reference)
    flash(_("Processing starts again."), "success")
    return redirect(url_for("incidents.show", reference=reference))


@blueprint.post("/<reference>/alerts/<int(max=2147483647):alert_id>/retry")
def retry_alert(reference: str, alert_id: int) -> Response:
    """Send a failed mail again."""
    delivery.retry_notification(actor(), reference, alert_id)
    flash(_("The mail will be sent again."), "success")
    return redirect(url_for("incidents.show", reference=reference))
