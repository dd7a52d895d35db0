"""Turn codes into the sentences that people read, in their language."""

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _

_FAILURES: dict[str, LazyString] = {
    "not_a_video": _("This file is not a video that can be read. Upload an MP4, AVI, MOV, MKV, WMV, FLV, WebM or M4V file."),
    "broken": _("The file is damaged or incomplete: the video in it cannot be read. Export it again and upload the new file."),
    "no_usable_frame": _("None of the images received can be read, so no video could be made of them."),
    "no_frames": _("No image came with this alert, so there is no video."),
    "too_many_pixels": _("The picture is too large to be processed. Export the video at 8K or less and upload it again."),
    "timed_out": _("Processing took too long and was stopped. Try again, or upload a shorter video."),
    "out_of_memory": _("Processing needed more memory than allowed and was stopped. Upload a smaller video."),
    "too_large": _("The file is larger than allowed. Upload a smaller one, or ask the administrator to raise the limit."),
    "empty_file": _("The file is empty. Choose it again and upload it."),
    "no_space": _("The server's disk is full. Ask the administrator to make room, then try again."),
    "cancelled": _("Processing was cancelled. Start it again when you like."),
    "tool_failed": _("The video could not be processed. Try again; if it fails again, ask the administrator to look at the log."),
    "tool_missing": _("The server has no working ffmpeg. Ask the administrator to run “vigint doctor”, then try again."),
    "original_missing": _("The stored file cannot be found any more. Delete this video and upload it again."),
    "link_revoked": _("The link of this alert was revoked before the mail could be sent."),
    "upload_expired": _("The upload was not finished in time, and what had arrived was removed. Delete this video and upload it again."),
    "upload_interrupted": _("The upload was interrupted before its end. Delete this video and upload it again."),
}  # fmt: skip

_REFUSALS: dict[str, LazyString] = {
    "not_found": _("There is nothing under this address. Check the link, or ask for a new one."),
    "link_expired": _("This link has expired. Ask whoever sent it for a new one."),
    "link_revoked": _("This link was revoked. Ask whoever sent it for a new one."),
    "link_used_up": _("All viewings of this link are used up. Ask whoever sent it for a new one."),
    "link_not_yet_valid": _("This link is not valid yet. Try again later."),
    "account_link_used": _("This link was used already, or replaced by a newer one. Log in, or ask for a new one under “Forgot your password?”."),
    "account_link_expired": _("This link has expired. Ask for a new one under “Forgot your password?” on the login page."),
    "last_admin": _("This is the last administrator who can log in. Make somebody else an administrator first."),
    "own_role": _("Nobody changes their own role or locks themselves out. Ask another administrator."),
    "second_factor_required": _("Your role asks for a second factor. Set it up first."),
    "not_granted": _("This link does not open that. Ask whoever sent it for more access."),
    "not_ready": _("The video is being prepared. Try again in a few seconds."),
    "processing_failed": _("The video could not be prepared. Ask whoever sent the link."),
    "too_many_requests": _("Too many requests. Wait a moment, then try again."),
    "unauthorized": _("An API key is missing. Send it as “Authorization: Bearer <key>”."),
    "login_required": _("Your session has ended. Log in, then try again."),
    "invalid_key": _("This API key is unknown, expired or revoked. Ask the administrator for a new one."),
    "insufficient_scope": _("This API key may not do that. Ask the administrator for a key with the right scope."),
    "idempotency_conflict": _("This Idempotency-Key was used before with another body. Use a new key."),
    "hash_mismatch": _("The file did not arrive as it was sent: its SHA-256 is another one. Send it again."),
    "video_deleted": _("The video of this id was deleted. Send it under a new id."),
    "video_id_taken": _("Another video has this id. Send this one under a new id."),
    "wrong_offset": _("The upload goes on at another byte. Ask by HEAD how far it has come, then send the rest."),
    "upload_finished": _("All bytes of this upload are here; it takes no more."),
    "upload_expired": _("This upload was not finished in time, and what had arrived was removed. Begin a new one."),
    "upload_too_long": _("More bytes came than Upload-Length announced, and none of them was kept. Ask by HEAD how far the upload has come, or begin a new one."),
    "checksum_mismatch": _("The bytes arrived changed: their checksum is another one. None of them was kept; send them again."),
    "empty_file": _("The file is empty. Choose it again and upload it."),
    "locked": _("Another request is sending bytes of this upload. Try again in a few seconds."),
    "unsupported_version": _("This address speaks tus 1.0.0. Send “Tus-Resumable: 1.0.0”."),
    "conflict": _("This is not possible in the present state. Reload and look again."),
    "forbidden": _("You may not do this. Ask an administrator."),
    "invalid_request": _("The request is not right."),
    "too_large": _("The request is larger than allowed."),
    "storage_full": _("The server's disk is full; nothing was kept. Try again later, or tell the administrator."),
    "unavailable": _("The server cannot answer just now. Try again in a moment."),
    "precondition_failed": _("The video is not the one you asked for any more. Ask again without a condition."),
    "range_not_satisfiable": _("The video is shorter than the part you asked for. Ask for its first bytes to learn its size."),
    "method_not_allowed": _("This address does not know that method."),
    "unsupported_media_type": _("This content type is not supported here."),
    "csrf_failed": _("This form has expired. Go back, reload the page and send it again."),
    "internal_error": _("Something went wrong on the server. Try again; if it happens again, tell the administrator."),
    "error": _("The request could not be answered."),
}  # fmt: skip


_SHARING: dict[str, LazyString] = {
    "no_recipient": _("Give at least one address."),
    "too_many_recipients": _("At most 20 addresses at once. Share with the others afterwards."),
    "end_is_over": _("The end is in the past. Choose a later one."),
    "end_after_purge": _("The footage is deleted before that. Choose an earlier end."),
    "begins_after_end": _("The link would end before it begins. Choose an earlier start."),
}


def sharing_mistake(code: str) -> str:
    """Return what is wrong with a link to be shared; a code may name an address after a colon."""
    kind, _colon, address = code.partition(":")
    if kind == "not_an_address":
        return str(gettext("%(address)s is not a mail address.", address=address[:100]))
    return str(_SHARING[kind])


def failure_sentence(code: str | None) -> LazyString:
    """Return why a video could not be made, and what to do."""
    return _FAILURES.get(code or "", _FAILURES["tool_failed"])


def refusal_sentence(code: str) -> LazyString:
    """Return why a request was refused, and what to do."""
    return _REFUSALS.get(code, _REFUSALS["error"])
