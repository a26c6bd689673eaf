"""Which elements, attributes and values a request may hold, and in which order, for the operations of this face.

A model reads like a regular expression over child elements: `?` at most one, `*` any number, `+` one or more, `|` or;
`m.` and `t.` are the two namespaces of EWS. Source: the operations' and elements' pages of the EWS reference.
"""

_PATH = "(t.FieldURI|t.IndexedFieldURI|t.ExtendedFieldURI)"
_EXPRESSION = (
    "(t.Exists|t.Excludes|t.IsEqualTo|t.IsNotEqualTo|t.IsGreaterThan|t.IsGreaterThanOrEqualTo|t.IsLessThan"
    "|t.IsLessThanOrEqualTo|t.Contains|t.Not|t.And|t.Or)"
)
_COMPARE = f"{_PATH} t.FieldURIOrConstant"
_FOLDER = "(t.FolderId|t.DistinguishedFolderId)"
_ITEM_IDS = "(t.ItemId|t.OccurrenceItemId|t.RecurringMasterItemId)"
_ATTENDEES = "t.Attendee+"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CALENDAR_ITEM_ORDER = _words(
    """
    MimeContent ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived Size
    Categories Importance InReplyTo IsSubmitted IsDraft IsFromMe IsResend IsUnmodified InternetMessageHeaders
    DateTimeSent DateTimeCreated ResponseObjects ReminderDueBy ReminderIsSet ReminderNextTime
    ReminderMinutesBeforeStart DisplayCc DisplayTo DisplayBcc HasAttachments ExtendedProperty* Culture
    EffectiveRights LastModifiedName LastModifiedTime IsAssociated WebClientReadFormQueryString
    WebClientEditFormQueryString ConversationId UniqueBody Flag StoreEntryId InstanceKey NormalizedBody
    EntityExtractionResult PolicyTag ArchiveTag RetentionDate Preview RightsManagementLicenseData
    PredictedActionReasons IsClutter BlockStatus HasBlockedImages TextBody IconIndex SearchKey SortKey Hashtags
    Mentions MentionedMe MentionsPreview MentionsEx AppliedHashtags AppliedHashtagsPreview Likes LikesPreview
    PendingSocialActivityTagIds AtAllMention CanDelete InferenceClassification UID RecurrenceId DateTimeStamp
    Start End OriginalStart IsAllDayEvent LegacyFreeBusyStatus Location When IsMeeting IsCancelled IsRecurring
    MeetingRequestWasSent IsResponseRequested CalendarItemType MyResponseType Organizer RequiredAttendees
    OptionalAttendees Resources InboxReminders ConflictingMeetingCount AdjacentMeetingCount ConflictingMeetings
    AdjacentMeetings Duration TimeZone AppointmentReplyTime AppointmentSequenceNumber AppointmentState
    Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences MeetingTimeZone
    StartTimeZone EndTimeZone ConferenceType AllowNewTimeProposal IsOnlineMeeting MeetingWorkspaceUrl NetShowUrl
    EnhancedLocation StartWallClock EndWallClock StartTimeZoneId EndTimeZoneId IntendedFreeBusyStatus
    JoinOnlineMeetingUrl OnlineMeetingSettings IsOrganizer CalendarActivityData DoNotForwardMeeting
    """
)

MODELS = {
    "m.GetFolder": "m.FolderShape m.FolderIds",
    "m.FolderShape": "t.BaseShape t.AdditionalProperties?",
    "m.FolderIds": f"{_FOLDER}+",
    "m.FindItem": "m.ItemShape (m.IndexedPageItemView|m.CalendarView)? m.Restriction? m.SortOrder? m.ParentFolderIds",
    "m.ParentFolderIds": f"{_FOLDER}+",
    "m.ItemShape": "t.BaseShape t.IncludeMimeContent? t.BodyType? t.UniqueBodyType? t.NormalizedBodyType? "
    "t.FilterHtmlContent? t.ConvertHtmlCodePageToUTF8? t.InlineImageUrlTemplate? t.BlockExternalImages? "
    "t.AddBlankTargetToLinks? t.MaximumBodySize? t.AdditionalProperties?",
    "t.AdditionalProperties": f"{_PATH}+",
    "m.Restriction": _EXPRESSION,
    "m.SortOrder": "t.FieldOrder+",
    "t.FieldOrder": _PATH,
    "m.GetItem": "m.ItemShape m.ItemIds",
    "m.ItemIds": f"{_ITEM_IDS}+",
    "m.CreateItem": "m.SavedItemFolderId? m.Items",
    "m.SavedItemFolderId": _FOLDER,
    "m.Items": "t.CalendarItem+",
    "m.UpdateItem": "m.SavedItemFolderId? m.ItemChanges",
    "m.ItemChanges": "t.ItemChange+",
    "t.ItemChange": f"{_ITEM_IDS} t.Updates",
    "t.Updates": "(t.AppendToItemField|t.SetItemField|t.DeleteItemField)+",
    "t.SetItemField": f"{_PATH} t.CalendarItem",
    "t.AppendToItemField": f"{_PATH} t.CalendarItem",
    "t.DeleteItemField": _PATH,
    "m.DeleteItem": "m.ItemIds",
    "m.SyncFolderItems": "m.ItemShape m.SyncFolderId m.SyncState? m.Ignore? m.MaxChangesReturned m.SyncScope?",
    "m.SyncFolderId": _FOLDER,
    "m.Ignore": "t.ItemId+",
    "m.ResolveNames": "m.ParentFolderIds? m.UnresolvedEntry",
    "m.GetServerTimeZones": "m.Ids?",
    "m.Ids": "t.Id*",
    "m.GetRoomLists": "",
    "m.GetRooms": "m.RoomList",
    "m.RoomList": "t.Name? t.EmailAddress? t.RoutingType? t.MailboxType? t.ItemId? t.OriginalDisplayName?",
    "t.DistinguishedFolderId": "t.Mailbox?",
    "t.Mailbox": "t.Name? t.EmailAddress? t.RoutingType? t.MailboxType? t.ItemId? t.OriginalDisplayName?",
    "t.Exists": _PATH,
    "t.Excludes": f"{_PATH} t.Bitmask",
    "t.IsEqualTo": _COMPARE,
    "t.IsNotEqualTo": _COMPARE,
    "t.IsGreaterThan": _COMPARE,
    "t.IsGreaterThanOrEqualTo": _COMPARE,
    "t.IsLessThan": _COMPARE,
    "t.IsLessThanOrEqualTo": _COMPARE,
    "t.FieldURIOrConstant": f"({_PATH}|t.Constant)",
    "t.Contains": f"{_PATH} t.Constant",
    "t.Not": _EXPRESSION,
    "t.And": f"{_EXPRESSION}+",
    "t.Or": f"{_EXPRESSION}+",
    "t.CalendarItem": " ".join(f"t.{name}" if name.endswith("*") else f"t.{name}?" for name in CALENDAR_ITEM_ORDER),
    "t.Categories": "t.String*",
    "t.ExtendedProperty": "t.ExtendedFieldURI (t.Value|t.Values)",
    "t.Values": "t.Value+",
    "t.RequiredAttendees": _ATTENDEES,
    "t.OptionalAttendees": _ATTENDEES,
    "t.Resources": _ATTENDEES,
    "t.Attendee": "t.Mailbox t.ResponseType? t.LastResponseTime? t.ProposedStart? t.ProposedEnd?",
    "t.Organizer": "t.Mailbox",
}
"""An element that is not here holds text only, unless it is in `OPAQUE`."""

OPAQUE = frozenset(
    f"t.{name}"
    for name in _words(
        """
        MimeContent Attachments InternetMessageHeaders ResponseObjects EffectiveRights ConversationId UniqueBody
        Flag NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RightsManagementLicenseData
        PredictedActionReasons Hashtags Mentions MentionsPreview MentionsEx AppliedHashtags AppliedHashtagsPreview
        Likes LikesPreview PendingSocialActivityTagIds InboxReminders ConflictingMeetings AdjacentMeetings
        Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences MeetingTimeZone
        StartTimeZone EndTimeZone EnhancedLocation OnlineMeetingSettings CalendarActivityData
        """
    )
)
"""Elements whose inside this stand-in does not look at."""

_BOOL = "true|false|1|0"
_DATE_TIME = (
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?"
    r"(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)?"
)
_INT = r"[+-]?\d{1,10}"
_SEND = "SendToNone|SendOnlyToAll|SendToAllAndSaveCopy"
_FIELD_URI = r"(folder|item|message|meeting|meetingRequest|calendar|task|contacts|postitem|conversation):[A-Za-z0-9]+"
_BODY_TYPE = "HTML|Text"
_ID = {"Id!": r"(?s).*", "ChangeKey": r"(?s).*"}

ATTRIBUTES: dict[str, dict[str, str]] = {
    "m.FindItem": {"Traversal!": "Shallow|SoftDeleted|Associated"},
    "m.IndexedPageItemView": {"MaxEntriesReturned": _INT, "Offset!": _INT, "BasePoint!": "Beginning|End"},
    "m.CalendarView": {"MaxEntriesReturned": _INT, "StartDate!": _DATE_TIME, "EndDate!": _DATE_TIME},
    "m.CreateItem": {"MessageDisposition": "SaveOnly|SendOnly|SendAndSaveCopy", "SendMeetingInvitations": _SEND},
    "m.UpdateItem": {
        "ConflictResolution!": "NeverOverwrite|AutoResolve|AlwaysOverwrite",
        "MessageDisposition": "SaveOnly|SendOnly|SendAndSaveCopy",
        "SendMeetingInvitationsOrCancellations": f"{_SEND}|SendOnlyToChanged|SendToChangedAndSaveCopy",
        "SuppressReadReceipts": _BOOL,
    },
    "m.DeleteItem": {
        "DeleteType!": "HardDelete|SoftDelete|MoveToDeletedItems",
        "SendMeetingCancellations": _SEND,
        "AffectedTaskOccurrences": "AllOccurrences|SpecifiedOccurrenceOnly",
        "SuppressReadReceipts": _BOOL,
    },
    "m.ResolveNames": {
        "ReturnFullContactData!": _BOOL,
        "SearchScope": "ActiveDirectory|ActiveDirectoryContacts|Contacts|ContactsActiveDirectory",
        "ContactDataShape": "IdOnly|Default|AllProperties|PcxPeopleSearch",
    },
    "m.GetServerTimeZones": {"ReturnFullTimeZoneData": _BOOL},
    "t.FieldURI": {"FieldURI!": _FIELD_URI},
    "t.IndexedFieldURI": {"FieldURI!": _FIELD_URI, "FieldIndex!": ".*"},
    "t.ExtendedFieldURI": {
        "DistinguishedPropertySetId": "Meeting|Appointment|Common|PublicStrings|Address|InternetHeaders"
        "|CalendarAssistant|UnifiedMessaging|Task|Sharing",
        "PropertySetId": "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
        "PropertyTag": "0[xX][0-9A-Fa-f]{1,4}",
        "PropertyName": r"(?s).*",
        "PropertyId": _INT,
        "PropertyType!": "(ApplicationTime|Binary|CLSID|Currency|Double|Float|Integer|Long|Object|Short|SystemTime"
        "|String)(Array)?|Boolean|Error|Null",
    },
    "t.FieldOrder": {"Order!": "Ascending|Descending"},
    "t.FolderId": _ID,
    "t.ItemId": _ID,
    "t.OccurrenceItemId": {"RecurringMasterId!": ".*", "ChangeKey": ".*", "InstanceIndex!": _INT},
    "t.RecurringMasterItemId": {"OccurrenceId!": ".*", "ChangeKey": ".*"},
    "t.DistinguishedFolderId": {"Id!": "[a-z]+", "ChangeKey": ".*"},
    "t.Constant": {"Value!": r"(?s).*"},
    "t.Bitmask": {"Value!": r"((0x|0X)[0-9A-Fa-f]*)|([0-9]*)"},
    "t.Contains": {
        "ContainmentMode": "FullString|Prefixed|Substring|PrefixOnWords|ExactPhrase",
        "ContainmentComparison": "Exact|IgnoreCase|IgnoreNonSpacingCharacters|Loose|IgnoreCaseAndNonSpacingCharacters"
        "|LooseAndIgnoreCase|LooseAndIgnoreNonSpace|LooseAndIgnoreCaseAndIgnoreNonSpace",
    },
    "t.Body": {"BodyType!": _BODY_TYPE, "IsTruncated": _BOOL},
    "t.TextBody": {"BodyType!": _BODY_TYPE, "IsTruncated": _BOOL},
}
"""Attributes with the pattern of their values; `!` marks the required ones."""

DATE_TIMES = frozenset(("t.Start", "t.End", "t.DateTimeStamp", "t.ReminderDueBy", "t.RecurrenceId"))
"""Elements that hold a day of the calendar, which a pattern alone does not tell."""

TEXTS = {
    **dict.fromkeys(("t.IncludeMimeContent", "t.FilterHtmlContent", "t.IsAllDayEvent", "t.ReminderIsSet"), _BOOL),
    **dict.fromkeys(("t.IsResponseRequested", "t.AllowNewTimeProposal", "t.IsOnlineMeeting"), _BOOL),
    **dict.fromkeys(("t.DoNotForwardMeeting", "t.IsDraft", "t.ConvertHtmlCodePageToUTF8"), _BOOL),
    **dict.fromkeys(DATE_TIMES, _DATE_TIME),
    **dict.fromkeys(("t.ConferenceType", "t.MaximumBodySize"), _INT),
    "t.BaseShape": "IdOnly|Default|AllProperties|PcxPeopleSearch",
    "t.BodyType": "Best|HTML|Text",
    "t.Sensitivity": "Normal|Personal|Private|Confidential",
    "t.Importance": "Low|Normal|High",
    "t.LegacyFreeBusyStatus": "Free|Tentative|Busy|OOF|WorkingElsewhere|NoData",
    "t.ReminderMinutesBeforeStart": r"\d{1,10}",
    "t.EmailAddress": ".+",
    "t.RoutingType": ".+",
    "t.MailboxType": "Unknown|OneOff|Mailbox|PublicDL|PrivateDL|Contact|PublicFolder|GroupMailbox|ImplicitContact",
    "t.ResponseType": "Unknown|Organizer|Tentative|Accept|Decline|NoResponseReceived",
    "m.MaxChangesReturned": "[1-9]|[1-9][0-9]|[1-4][0-9][0-9]|50[0-9]|51[0-2]",
    "m.SyncScope": "NormalItems|NormalAndAssociatedItems",
    "m.UnresolvedEntry": "(?s).+",
}
"""The pattern of an element's text; others may hold any text."""
