"""Summarize each operation of the API in one line, in the reader's language."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

TAGS: dict[str, LazyString] = {
    "Incidents": _("Incidents"),
    "Links": _("Links"),
    "Sources": _("Sources"),
    "Uploads": _("Uploads"),
    "Hosting": _("Hosting"),
    "Video by token": _("Video by token"),
}

# By the operationId of the OpenAPI document, which stays English.
SUMMARIES: dict[str, LazyString] = {
    "records_incidents": _("List the incidents of the key’s site, newest first"),
    "ingest_create": _("Accept an incident; 202 once everything needed is safely stored"),
    "ingest_status": _("Show the state of an incident’s video and mails"),
    "incident_review_decide": _(
        "Confirm an incident, call it a false alarm, close it or reopen it"
    ),
    "incident_review_add_note": _("Add a note to an incident"),
    "incident_review_record": _("Record a call to the police, or a confirmation by sight"),
    "incident_review_assign": _("Assign an incident to a user, or to no one"),
    "incident_review_reason_list": _("List the reasons for false alarms that can be chosen"),
    "incident_sharing_share": _("Share an incident’s video: a mailed link for each recipient"),
    "incident_sharing_revoke": _("Revoke a link at once"),
    "records_link_list": _("List the links of the key’s site, newest first, without their tokens"),
    "records_link": _("Show one link and whether it still works"),
    "records_accesses": _("List every request made with a link, newest first"),
    "records_sources": _("List the sources of the key’s site, newest first"),
    "records_source": _("Show one source, with the addresses at which programs read its video"),
    "uploads_index": _("List the key’s or person’s own unfinished uploads, newest first"),
    "uploads_capabilities": _("Show what this server supports of the protocol"),
    "uploads_create": _("Start an upload; its first bytes may be included"),
    "uploads_terminate": _("Remove an unfinished upload and its source"),
    "uploads_show": _("Show the progress of an upload, and its outcome"),
    "uploads_receive": _("Append bytes to an upload; the last byte completes the source"),
    "hosting_extend": _("Extend the key’s link to one of its videos"),
    "hosting_verify": _("Check whether a link of one of the key’s videos works; always 200"),
    "hosting_upload": _("Host a video under an id, and return its private link"),
    "hosting_delete": _("Delete one of the key’s videos with all its links"),
    "api_video": _("Show what the video is and where its bytes are"),
    "api_download": _("Send the original bytes under the original name"),
    "api_metadata": _("Show all probed metadata"),
    "api_thumbnail": _("Send the video’s picture; size=small asks for a small one"),
    "player_stream": _("Send playable bytes, usable by a video element on any site"),
}
