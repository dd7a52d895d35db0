"""Turn the services' refusals into sentences, in the reader's language."""

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from vigint_web.errors import (
    AlreadyDecided,
    CommandRefused,
    Invalid,
    Mistake,
    MistakeCode,
    TooLarge,
    VigintError,
)
from vigint_web.i18n.formats import date_and_time
from vigint_web.i18n.sentences import author_words, failure_sentence, refusal_sentence

_DECISIONS: Mapping[str, LazyString] = {
    "confirmed": _("confirmed"),
    "false_alarm": _("false alarm"),
    "closed": _("closed"),
    "reopened": _("reopened"),
}

_MISTAKES: Mapping[MistakeCode, LazyString | str] = {
    MistakeCode.BODY_NOT_JSON: _("The body is not JSON. Send JSON, or multipart/form-data."),
    MistakeCode.BODY_NOT_OBJECT: _("The body must be a JSON object."),
    MistakeCode.UNKNOWN_MEMBER: _("“%(field)s” is not known here. The members are %(names)s."),
    MistakeCode.REPEATED: _("“%(field)s” is given more than once. Give it once."),
    MistakeCode.NOT_ONE_OF: _("%(field)s must be one of %(names)s."),
    MistakeCode.NOT_A_MOMENT: _(
        "%(field)s must be a date and time with its offset, such as 2026-11-30T14:30:00Z."
    ),
    MistakeCode.NOT_ONE_LINE: _(
        "%(field)s must be a text of one line with 1 to %(most)d characters."
    ),
    MistakeCode.UNKNOWN_ENTRY: _(
        "%(field)s names an entry that is not there, or was deleted. Start from the first page."
    ),
    MistakeCode.DOCUMENT_NOT_OBJECT: _("The document must be a JSON object."),
    MistakeCode.PART_NOT_JSON: _("The part “%(field)s” is not JSON."),
    MistakeCode.INCIDENT_PART_MISSING: _("The part “incident” with the JSON document is missing."),
    MistakeCode.VIDEO_PART_MISSING: _("The part “video” with the file is missing."),
    MistakeCode.VIDEO_PART_EMPTY: _("The file is empty."),
    MistakeCode.TOO_MANY_FRAMES: _("An incident has at most %(most)d frames."),
    MistakeCode.MISSING: _("%(field)s is missing."),
    MistakeCode.NOT_TEXT: _("%(field)s must be a text."),
    MistakeCode.NOT_TEXTS: _("%(field)s must be a list of texts."),
    MistakeCode.NOT_A_NUMBER: _("%(field)s must be a number."),
    MistakeCode.HOURS_OUT_OF_RANGE: _("%(field)s must be a number above 0, at most %(most)d."),
    MistakeCode.NOT_A_WHOLE_NUMBER: _(
        "%(field)s must be a whole number from %(least)d to %(most)d."
    ),
    MistakeCode.NOT_A_SHA256: _("%(field)s must be a SHA-256 in 64 hexadecimal digits."),
    MistakeCode.VIDEO_ID_MALFORMED: _(
        "A video id has 1 to 64 letters, digits, dots, hyphens and underscores, and begins with a "
        "letter or a digit."
    ),
    MistakeCode.VIDEO_IDS_DIFFER: _(
        "X-Video-ID and video_id in the metadata name different videos."
    ),
    MistakeCode.HEADER_LENGTH: _("%(field)s must have %(least)d to %(most)d characters."),
    MistakeCode.NOT_A_FORM: _(
        "This address expects multipart/form-data: each file as a part with a file name."
    ),
    MistakeCode.FORM_DAMAGED: _("The form is damaged. Send it again."),
    MistakeCode.FORM_ENDED_EARLY: _("The form ended early. Send it again."),
    MistakeCode.NOT_A_SIZE: _("%(field)s must be a whole number of bytes."),
    MistakeCode.LENGTH_DEFERRED: _("This server needs Upload-Length from the start."),
    MistakeCode.METADATA_KEYS: _("Upload-Metadata must contain keys, each once, without spaces."),
    MistakeCode.METADATA_NOT_TEXT: _("“%(key)s” in Upload-Metadata must be UTF-8 text in base64."),
    MistakeCode.FILENAME_MISSING: _("Upload-Metadata must name the file, as “filename”."),
    MistakeCode.CHECKSUM_UNKNOWN: _("Upload-Checksum supports only %(names)s."),
    MistakeCode.CHECKSUM_MALFORMED: _("Upload-Checksum contains no %(name)s in base64."),
    MistakeCode.NOT_A_VIDEO: failure_sentence("not_a_video"),
    MistakeCode.FROM_RECORDER: failure_sentence("from_recorder"),
    MistakeCode.SIZE_LIMIT: _("The size limit is %(number)s MB per file."),
    MistakeCode.SOURCE_ID_MALFORMED: _(
        "A source id has 1 to 64 letters, digits, dots, hyphens and underscores, and begins with "
        "a letter or a digit."
    ),
    MistakeCode.SITE_NOT_OFFERED: _("No site with this short name is available to you."),
    MistakeCode.NO_TAG: _("Enter at least one tag."),
    MistakeCode.TOO_MANY_TAGS: _("At most %(most)d tags."),
    MistakeCode.TAG_TOO_LONG: _("A tag has at most %(most)d characters."),
    MistakeCode.NAME_LENGTH: _("Enter a name of at most %(most)d characters."),
    MistakeCode.TOO_MANY_ADDRESSES: _("At most %(most)d addresses."),
    MistakeCode.NOT_A_TIME: _("Enter each time as hours and minutes, such as 08:15."),
    MistakeCode.TOO_LONG: _("This text is too long: at most %(most)d characters."),
    MistakeCode.CONTROL_CHARACTERS: _(
        "This text contains control characters or incomplete characters. Remove them."
    ),
    MistakeCode.NOT_A_LOCAL_TIME: _("%(field)s must be a date and time such as 2026-11-30T14:30."),
    MistakeCode.RECORDED_IN_FUTURE: _("This date is in the future."),
    MistakeCode.TABLE_TOO_LARGE: _("The file is too large: at most %(most)d MB."),
    MistakeCode.TABLE_NOT_TEXT: _(
        "This is not a CSV file. In the spreadsheet, save the table as “CSV UTF-8”."
    ),
    MistakeCode.TABLE_DAMAGED: _(
        "Line %(line)d cannot be read: a quotation mark is missing or misplaced there."
    ),
    MistakeCode.TABLE_EMPTY: _("The file has no rows below the column titles."),
    MistakeCode.TABLE_TOO_MANY_ROWS: _("The file has too many rows: at most %(most)d."),
    MistakeCode.TABLE_UNKNOWN_COLUMNS: _("These columns are unknown: %(names)s."),
    MistakeCode.TABLE_COLUMN_MISSING: _("The column “%(field)s” is missing."),
    MistakeCode.TABLE_COLUMN_TWICE: _("The column “%(field)s” is there more than once."),
    MistakeCode.ROW_TOO_LONG: _("The row has more cells than there are columns."),
    MistakeCode.ROW_TWICE: _("Line %(line)d is about the same entry."),
    MistakeCode.CELL_NOT_A_NUMBER: _("“%(text)s” is not a whole number."),
    MistakeCode.CELL_NOT_A_DATE: _("“%(text)s” is not a date. Write it as 2026-11-30."),
    MistakeCode.CELL_NOT_ONE_OF: _("“%(text)s” is not possible here."),
    MistakeCode.NAME_TAKEN: _("Another one has this name."),
    MistakeCode.SHORT_NAME_MALFORMED: _(
        "A short name has 1 to 64 lower-case letters, digits and hyphens."
    ),
    MistakeCode.SITE_NOT_FOUND: _("There is no site “%(text)s”."),
    MistakeCode.NO_SITE_LEFT: _("Name at least one site."),
    MistakeCode.OWN_ROLE: _("You cannot change your own role. Ask another administrator."),
    MistakeCode.TOO_MANY_INVITATIONS: _("At most %(most)d people are invited by one file."),
    MistakeCode.LEAST_ABOVE_MOST: _("The maximum must not be less than the minimum."),
    MistakeCode.EMAIL_MALFORMED: _("This is not an e-mail address."),
    MistakeCode.PASSWORD_LENGTH: _("The password must have %(least)d to %(most)d characters."),
    MistakeCode.PASSWORD_GUESSABLE: _(
        "This password is too easy to guess: it is common, repeats itself, or resembles your "
        "address. Choose several unrelated words."
    ),
    MistakeCode.WRONG_CODE: _(
        "This code is wrong. Check the phone’s clock, then try the next code."
    ),
    MistakeCode.UNKNOWN_ACT: _("This cannot be recorded about an incident."),
    MistakeCode.UNKNOWN_ASSIGNEE: _(
        "This person cannot work on the incident. Choose one of those offered."
    ),
    MistakeCode.UNKNOWN_DECISION: _(
        "This decision was not understood. Reload the page and decide again."
    ),
    MistakeCode.UNKNOWN_REASON: _("Choose one of the reasons for a false alarm."),
    MistakeCode.REASON_NOT_EXPECTED: _("Only a false alarm has a reason."),
    MistakeCode.NOT_ASSIGNABLE: _(
        "No operator or administrator of this incident’s site has this e-mail address."
    ),
    MistakeCode.UNKNOWN_READER: _(
        "One of these people may not see the incident’s site. Reload the page and choose again."
    ),
    MistakeCode.NO_READER: _(
        "Name at least one operator or administrator, who can lift the restriction again."
    ),
    MistakeCode.UNKNOWN_LOCALE: _("The language must be one of %(names)s."),
    MistakeCode.UNKNOWN_TIMEZONE: _("The time zone must be a name such as Europe/Paris."),
    MistakeCode.UNKNOWN_SITE: _("One of these sites no longer exists. Reload the page."),
    MistakeCode.VIDEO_FAILED: _("This video could not be prepared, so it cannot be shared."),
    MistakeCode.NO_RECIPIENT: _("Enter at least one address."),
    MistakeCode.TOO_MANY_RECIPIENTS: _(
        "At most %(most)d addresses at once. Share with the others afterwards."
    ),
    MistakeCode.NOT_AN_ADDRESS: _("%(address)s is not an e-mail address."),
    MistakeCode.RECIPIENT_LEFT_OUT: _(
        "Not recognised and left out: “%(text)s”. Check the addresses, then send."
    ),
    MistakeCode.END_IS_OVER: _("The end date is in the past. Choose a later one."),
    MistakeCode.END_AFTER_PURGE: _(
        "The footage will be deleted before then. Choose an earlier end."
    ),
    MistakeCode.BEGINS_AFTER_END: _(
        "The link would expire before it starts working. Choose an earlier start."
    ),
    MistakeCode.DOMAIN_NOT_ALLOWED: _(
        "Programs may not mail %(address)s: its domain is not among those of [Alerts] "
        "recipient_domains."
    ),
    MistakeCode.SHARING_REASON_MISSING: _(
        "Say why the video is shared: the settings of this site require a reason."
    ),
}


def mistake_sentence(mistake: Mistake) -> str:
    """Return the error and its field as a sentence."""
    facts = {"field": mistake.field, **mistake.facts}
    return str(_MISTAKES[mistake.code]) % facts


def error_sentence(error: VigintError) -> str:
    """Return why a request was refused, and what to do; all of its errors at once."""
    if isinstance(error, CommandRefused):
        return str(error)
    if isinstance(error, Invalid) and error.mistakes:
        return " ".join(map(mistake_sentence, error.mistakes))
    if isinstance(error, AlreadyDecided):
        return first_words(error)
    sentence = str(refusal_sentence(error.code))
    if isinstance(error, TooLarge) and error.most_bytes is not None:
        limit = Mistake(MistakeCode.SIZE_LIMIT, None, {"number": error.most_bytes // 1048576})
        return f"{sentence} {mistake_sentence(limit)}"
    return sentence % error.facts if error.facts else sentence


def first_words(error: AlreadyDecided, *, timed: bool = True) -> str:
    """Return who decided first, what, and when unless that does not matter."""
    facts = {
        "by": author_words(str(error.facts["by"])),
        "decision": _DECISIONS[str(error.facts["decision"])],
    }
    if error.at is None or not timed:
        return str(refusal_sentence(error.code)) % facts
    timed = _("%(by)s was first, on %(time)s: %(decision)s. Nothing was changed.")
    return str(timed) % {**facts, "time": date_and_time(error.at)}
