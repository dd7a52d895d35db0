"""Tables, constraints and small predicates; importing this package registers every table."""

from vigint_web.models.account_mail import AccountMail, AccountMailPurpose, AccountMailState
from vigint_web.models.api_key import ApiKey, Scope
from vigint_web.models.audit import AuditEvent
from vigint_web.models.cooldown import Cooldown, CooldownSpan
from vigint_web.models.hosting import Hosting, HostingState
from vigint_web.models.incident import Incident, IncidentState, RiskLevel
from vigint_web.models.incident_boxes import IncidentBoxes
from vigint_web.models.incident_count import CountChange, CountedIncident, IncidentCount
from vigint_web.models.link import Access, Audience, Link, Playback
from vigint_web.models.logbook import LogbookSchedule, MailedNight
from vigint_web.models.mail import Mail
from vigint_web.models.notification import Notification, NotificationKind, NotificationState
from vigint_web.models.reach import Reach
from vigint_web.models.recovery_code import RecoveryCode
from vigint_web.models.retention import CameraLimits, RetentionReport, RetentionSetting
from vigint_web.models.review import (
    ActKind,
    ConfidentialIncident,
    FalseAlarmReason,
    IncidentAct,
    IncidentRead,
    IncidentReader,
    NamedRequest,
)
from vigint_web.models.session import UserSession
from vigint_web.models.site import Camera, LegalRegime, Site
from vigint_web.models.source import Counter, Source, Tag, source_tags
from vigint_web.models.upload import Upload
from vigint_web.models.user import Role, User
from vigint_web.models.video import Video, VideoKind, VideoStatus
from vigint_web.models.video_file import FileKind, NamedFile, VideoFile
from vigint_web.models.video_total import VideoTotal

__all__ = [
    "Access",
    "AccountMail",
    "AccountMailPurpose",
    "AccountMailState",
    "ActKind",
    "ApiKey",
    "Audience",
    "AuditEvent",
    "Camera",
    "CameraLimits",
    "ConfidentialIncident",
    "Cooldown",
    "CooldownSpan",
    "CountChange",
    "CountedIncident",
    "Counter",
    "FalseAlarmReason",
    "FileKind",
    "Hosting",
    "HostingState",
    "Incident",
    "IncidentAct",
    "IncidentBoxes",
    "IncidentCount",
    "IncidentRead",
    "IncidentReader",
    "IncidentState",
    "LegalRegime",
    "Link",
    "LogbookSchedule",
    "Mail",
    "MailedNight",
    "NamedFile",
    "NamedRequest",
    "Notification",
    "NotificationKind",
    "NotificationState",
    "Playback",
    "Reach",
    "RecoveryCode",
    "RetentionReport",
    "RetentionSetting",
    "RiskLevel",
    "Role",
    "Scope",
    "Site",
    "Source",
    "Tag",
    "Upload",
    "User",
    "UserSession",
    "Video",
    "VideoFile",
    "VideoKind",
    "VideoStatus",
    "VideoTotal",
    "source_tags",
]
