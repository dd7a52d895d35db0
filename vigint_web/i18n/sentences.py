"""Turn codes into sentences in the reader's language."""

from flask_babel import LazyString, gettext, ngettext
from flask_babel import lazy_gettext as _

FRAMES_SKIPPED = "frames_skipped"

_FAILURES: dict[str, LazyString] = {
    "not_a_video": _("This file is not a video that can be read. Upload an MP4, AVI, MOV, MKV, WMV, FLV, WebM or M4V file."),
    "from_recorder": _("This is a recording in a recorder’s own format (such as .dav, a transport stream or raw H.264). Export it from the recorder, or with its player, as MP4 or AVI, and upload that file."),
    "broken": _("The file is damaged or incomplete: the video in it cannot be read. Export it again and upload the new file."),
    "no_usable_frame": _("None of the images received can be read, so no video could be made of them."),
    "no_frames": _("No image came with this alert, so there is no video."),
    "too_many_pixels": _("The picture is too large to be processed. Export the video at 8K or less and upload it again."),
    "timed_out": _("Processing took too long and was stopped. Try again, or upload a shorter video."),
    "out_of_memory": _("Processing needed more memory than allowed and was stopped. Upload a smaller video."),
    "too_large": _("The file is larger than allowed. Upload a smaller one, or ask the administrator to raise the limit."),
    "empty_file": _("The file is empty. Choose it again and upload it."),
    "no_space": _("The server’s disk is full. Ask the administrator to free up space, then try again."),
    "waits_for_room": _("The server’s disk is full. Another mail will bring the link as soon as there is space."),
    "cancelled": _("Processing was cancelled. You can start it again at any time."),
    "tool_failed": _("The video could not be processed. Try again; if it fails again, ask the administrator to look at the log."),
    "tool_missing": _("The server has no working ffmpeg. Ask the administrator to run “./vigint doctor”, then try again."),
    "original_missing": _("The stored file can no longer be found. Delete this video and upload it again."),
    "link_revoked": _("The link of this alert was revoked before the mail could be sent."),
    "upload_expired": _("The upload was not finished in time, and what had arrived was removed. Delete this video and upload it again."),
    "upload_interrupted": _("The upload was interrupted before its end. Delete this video and upload it again."),
}  # fmt: skip

_FLAWS: dict[str, LazyString] = {
    "damaged": _("The file is damaged: what can be read of it is shown."),
    "cut_short": _("The file contains less than it announces: it was cut short, or the recording was not finished. What it contains is shown."),
    "sound_unreadable": _("The sound cannot be decoded, so the video plays without it."),
    "clock_jumps": _("The times in the file jump: stretches without pictures were left out."),
}  # fmt: skip

_REFUSALS: dict[str, LazyString] = {
    "not_found": _("There is nothing at this address. Check the link, or ask for a new one."),
    "link_expired": _("This link has expired. Ask the person who sent it for a new one."),
    "link_revoked": _("This link was revoked. Ask the person who sent it for a new one."),
    "link_used_up": _("All viewings allowed by this link have been used. Ask the person who sent it for a new one."),
    "link_not_yet_valid": _("This link is not valid yet. Try again later."),
    "account_link_used": _("This link was already used, or replaced by a newer one. Log in, or ask for a new one under “Forgot your password?”."),
    "account_link_expired": _("This link has expired. Ask for a new one under “Forgot your password?” on the login page."),
    "last_admin": _("This is the last administrator who can log in. Make someone else an administrator first."),
    "edited_meanwhile": _("Someone else has changed this in the meantime. Reload the page and check."),
    "already_decided": _("%(by)s was first: %(decision)s. Nothing was changed."),
    "decision_out_of_order": _("This decision is not possible after the current one. Check it and decide again."),
    "too_many_notes": _("This incident has 500 notes and records, and takes no more. It can still be decided and assigned; note the rest elsewhere."),
    "assigned_meanwhile": _("The incident has been assigned to someone else, or to no one. Check it, then assign it again."),
    "email_taken": _("%(email)s exists already."),
    "no_second_factor": _("%(email)s has no second factor."),
    "unknown_user": _("There is no user %(email)s."),
    "import_outdated": _("The data has changed since the preview. Nothing was imported: look at the new preview."),
    "without_sites": _("%(email)s would have no site left. Deactivate the account instead."),
    "own_role": _("You cannot change your own role or lock yourself out. Ask another administrator."),
    "second_factor_required": _("Your role requires a second factor. Set it up first."),
    "not_granted": _("This link does not give access to that. Ask the person who sent it for more access."),
    "not_tried": _("It was not tried, because the database did not answer. Try again in a moment."),
    "file_unavailable": _("This file cannot be downloaded: it was not made, is not kept, or is missing from the storage. The page of the incident shows what can be."),
    "file_damaged": _("The stored file is damaged: it no longer matches its SHA-256, so it is not sent. Ask the administrator to restore it from a backup."),
    "not_ready": _("The video is being prepared. Try again in a few seconds."),
    "processing_failed": _("The video could not be prepared. Ask the person who sent you the link."),
    "too_many_requests": _("Too many requests. Wait a moment, then try again."),
    "unauthorized": _("An API key is missing. Send it as “Authorization: Bearer <key>”."),
    "login_required": _("Your session has ended. Log in, then try again."),
    "invalid_key": _("This API key is unknown, expired or revoked. Ask the administrator for a new one."),
    "insufficient_scope": _("This API key may not do that. Ask the administrator for a key with the right scope."),
    "idempotency_conflict": _("This Idempotency-Key was already used with another body. Use a new key."),
    "empty_incident": _("The incident has no message, no facts and no footage. Send at least one of them."),
    "hash_mismatch": _("The file did not arrive as it was sent: its SHA-256 differs. Send it again."),
    "video_deleted": _("The video with this id was deleted. Send it under a new id."),
    "video_id_taken": _("Another video already has this id. Send this one under a new id."),
    "wrong_offset": _("The upload continues at another offset. Ask for it with HEAD, then send the rest."),
    "upload_finished": _("This upload is complete: it accepts no more bytes."),
    "upload_expired": _("This upload was not finished in time, and what had arrived was removed. Start a new one."),
    "upload_too_long": _("More bytes arrived than Upload-Length announced, and none of them were kept. Ask for the offset with HEAD, or start a new upload."),
    "checksum_mismatch": _("The bytes do not match their checksum. None of them were kept: send them again."),
    "empty_file": _("The file is empty. Choose it again and upload it."),
    "locked": _("Another request is sending bytes of this upload. Try again in a few seconds."),
    "unsupported_version": _("This address supports tus 1.0.0. Send “Tus-Resumable: 1.0.0”."),
    "source_id_taken": _("Another source already has this id. Choose a different one, or leave it out."),
    "conflict": _("This is not possible in the current state. Reload the page and check."),
    "forbidden": _("You may not do this. Ask an administrator."),
    "invalid_request": _("The request is not valid."),
    "invalid_host": _("The server name in this request (Host) is not valid. Check the address, then try again."),
    "too_large": _("The request is larger than allowed."),
    "storage_full": _("The server’s disk is full; nothing was kept. Try again later, or tell the administrator."),
    "unavailable": _("The server cannot answer right now. Try again in a moment."),
    "storage_away": _("The storage of the videos cannot be reached right now. Try again in a few minutes."),
    "precondition_failed": _("The video has changed since you last asked for it. Ask again without a condition."),
    "range_not_satisfiable": _("The video is shorter than the part you asked for. Ask for its first bytes to learn its size."),
    "method_not_allowed": _("This address does not accept that method."),
    "unsupported_media_type": _("This content type is not supported here."),
    "csrf_failed": _("This form has expired. Go back, reload the page and send it again."),
    "internal_error": _("Something went wrong on the server. Try again; if it happens again, tell the administrator."),
    "error": _("The request could not be answered."),
}  # fmt: skip


RECIPIENTS: dict[str, LazyString] = {
    "not_an_address": _("This is not an e-mail address. Correct it in the program that sends the alerts."),
    "domain_not_allowed": _("Programs may not alert addresses of this domain. An administrator can allow it: [Alerts] recipient_domains."),
    "cannot_exist": _("No mailbox can have this address. Correct it in the program that sends the alerts."),
}  # fmt: skip

_WARNINGS: dict[str, LazyString] = {
    "not_understood": _("Not understood"),
    "not_text": _("Not a text"),
    "shortened": _("Shortened"),
    "characters_replaced": _("Characters replaced"),
    "rounded": _("Rounded up"),
    "clamped": _("Limited"),
    "not_an_object": _("Not an object"),
    "not_a_list": _("Not a list"),
    "not_a_file": _("Not a file"),
    "unused_part": _("File not used"),
    "kept_beside": _("Kept, not in the video"),
    "implausible": _("Impossible time"),
    "outside_picture": _("Outside the picture"),
    "clock_step": _("Clock adjusted: jump not shown"),
    "other_length": _("Does not match the number of images"),
    "not_an_address": _("Not an e-mail address"),
    "domain_not_allowed": _("Domain not allowed"),
    "cannot_exist": _("Impossible address"),
    "too_many": _("Too many"),
    "no_usable_recipient": _("Configured recipients alerted"),
    "more_warnings": _("Other values"),
}  # fmt: skip


def recipient_sentence(code: str) -> LazyString:
    """Return why a recipient named by a program is not mailed, and what to do."""
    return RECIPIENTS.get(code, RECIPIENTS["not_an_address"])


def warning_words(code: str) -> LazyString:
    """Return a short description of how a received value differs from the one used."""
    return _WARNINGS.get(code, _WARNINGS["not_understood"])


# Labels of actors that are not a person's address.
_AUTHORS: dict[str, LazyString] = {
    "system": _("Vigint (automatic)"),
    "command line": _("By a command on the server"),
    "first start": _("The first start"),
    "demo": _("The demonstration"),
}


def author_words(label: str) -> str:
    """Return the author of an action for people; labels that are no address become words."""
    if label in _AUTHORS:
        return str(_AUTHORS[label])
    if label.startswith("key:"):
        return str(gettext("API key %(prefix)s…", prefix=label.removeprefix("key:")))
    return label


def author_in_sentence(label: str) -> str:
    """Return the author of an action for the middle of a sentence: “by the API key …”."""
    if label.startswith("key:"):
        return str(gettext("the API key %(prefix)s…", prefix=label.removeprefix("key:")))
    return author_words(label)


# Reasons of automatic revocations.
_REVOCATIONS: dict[str, LazyString] = {
    "signing key retired": _("The signing key was retired."),
}


def revocation_reason(reason: str | None) -> str:
    """Return why a link was revoked: a user's text, or the automatic reason."""
    return str(_REVOCATIONS.get(reason or "", reason or ""))


_STATES: dict[str, LazyString] = {
    "new": _("To decide"),
    "confirmed": _("Confirmed"),
    "false_alarm": _("False alarm"),
    "closed": _("Closed"),
}


def state_words(state: str) -> str:
    """Return the state of an incident's review."""
    return str(_STATES[state])


_RISK_HEADINGS: dict[str, LazyString] = {
    "LOW": _("Low risk"),
    "MEDIUM": _("Medium risk"),
    "UNKNOWN": _("Risk not specified"),
    "HIGH": _("High risk"),
    "CRITICAL": _("Critical risk"),
}
_RISKS: dict[str, LazyString] = {
    "LOW": _("Low"),
    "MEDIUM": _("Medium"),
    "UNKNOWN": _("Not specified"),
    "HIGH": _("High"),
    "CRITICAL": _("Critical"),
}


def risk_label(level: str) -> str:
    """Return a risk level in a column whose heading names the risk."""
    return str(_RISKS[level])


def risk_heading(level: str) -> str:
    """Return a risk level on its own: «High risk»."""
    return str(_RISK_HEADINGS[level])


def risk_words(level: str) -> str:
    """Return a risk level for mails: its code, except for the unknown level."""
    return str(gettext("not specified")) if level == "UNKNOWN" else level


def flaw_sentence(code: str) -> LazyString | str:
    """Return the defect of a video that plays nevertheless."""
    return _FLAWS.get(code, code)


def failure_sentence(code: str | None) -> LazyString | str:
    """Return why a video could not be made, and what to do.

    Args:
        code: a failure's; `frames_skipped:N` for N images that the detector could not read.
    """
    name, _colon, number = (code or "").partition(":")
    if name == FRAMES_SKIPPED:
        return str(
            ngettext(
                "The detector had %(num)d image that could not be read, so there is no video.",
                "The detector had %(num)d images that could not be read, so there is no video.",
                int(number),
            )
        )
    return _FAILURES.get(code or "", _FAILURES["tool_failed"])


def refusal_sentence(code: str) -> LazyString:
    """Return why a request was refused, and what to do."""
    return _REFUSALS.get(code, _REFUSALS["error"])


# The purposes of mails about accounts.
ACCOUNT_MAIL_WORDS = {
    "invitation": _("Invitation"),
    "password_reset": _("Link for a new password"),
    "password_changed": _("Notice: the password was changed"),
    "two_factor_reset": _("Notice: the second factor was removed"),
}
