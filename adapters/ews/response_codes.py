"""Every response code of EWS: what it means for us, or that no request of ours can be answered with it.

Sources: messages.xsd (ResponseCodeType); Microsoft, "ResponseCode". A test holds both tables against the schema, so
that a code has its place by choice. What is in neither is refused with Exchange's word in the detail.
"""

from collections.abc import Mapping

from adapters.errors import Misconfigured, Refused, Transient


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# An id that the server cannot read any more (a mailbox moved between systems) is answered like one that is gone: the
# worker looks and finds the event under its new id.
GONE = _words(
    """ErrorItemNotFound ErrorInvalidId ErrorInvalidIdMalformed ErrorInvalidIdEmpty ErrorInvalidIdXml
    ErrorInvalidIdMalformedEwsLegacyIdFormat ErrorInvalidIdMonikerTooLong ErrorInvalidIdStoreObjectIdTooLong
    ErrorInvalidIdNotAnItemAttachmentId ErrorInvalidIdTooManyAttachmentLevels
    ErrorInvalidIdReturnedByResolveNames ErrorCannotUseFolderIdForItemId ErrorCalendarCannotUpdateDeletedItem
    ErrorObjectTypeChanged ErrorCalendarOccurrenceIsDeletedFromRecurrence"""
)

ZONE_UNKNOWN = frozenset({"ErrorTimeZone", "ErrorCalendarInvalidTimeZone"})

THROTTLES = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"})

# Exchange gave up while working: a write may have been applied, or may still be.
UNDECIDED = _words(
    """ErrorTimeoutExpired ErrorInternalServerError ErrorRequestAborted ErrorClientDisconnected
    ErrorResponseSchemaValidation ErrorParsingXMLResponse ErrorProxyCallFailed ErrorProxyRequestProcessingFailed
    ErrorProxySoapException ErrorWebRequestInInvalidState ErrorWin32InteropError ErrorDeleteItemsFailed
    ErrorMoveCopyFailed Server Receiver"""
)

# Faults of the services that Exchange is built on, said before or beside it: none is a verdict on a booking.
# Sources: Microsoft, "FaultCode.PredefinedFault"; WS-Addressing 1.0 SOAP Binding, section 6.4.
SOAP_BUSY = frozenset({"ServerTooBusy", "EndpointUnavailable"})
SOAP_FAILED = frozenset({"InternalServiceFault"})

_GROUPS: Mapping[tuple[type[Transient] | type[Refused] | type[Misconfigured], str], str] = {
    (Transient, "store_unavailable"): """ErrorMailboxMoveInProgress ErrorMailboxStoreUnavailable ErrorMailboxFailover
        ErrorADUnavailable ErrorADOperation ErrorADSessionFilter ErrorConnectionFailed
        ErrorConnectionFailedTransientError ErrorNoRespondingCASInDestinationSite
        ErrorNoApplicableProxyCASServersAvailable ErrorServiceUnavailable ErrorCrossSiteRequest
        ErrorLocalServerObjectNotFound ErrorLogonAsNetworkServiceFailed ErrorMailboxLogonFailed
        ErrorNoDestinationCASDueToKerberosRequirements ErrorNoDestinationCASDueToSSLRequirements
        ErrorNoDestinationCASDueToVersionMismatch ErrorProxyRequestNotAllowed ErrorProxyServiceDiscoveryFailed
        ErrorProxyTokenExpired ErrorProxyGroupSidLimitExceeded ErrorServiceDiscoveryFailed
        ErrorInvalidNetworkServiceContext ErrorInvalidProxySecurityContext ErrorInvalidClientSecurityContext
        ErrorInvalidAuthorizationContext ErrorGetServerSecurityDescriptorFailed ErrorTokenSerializationDenied
        ErrorInvalidSerializedAccessToken ErrorInvalidSecurityDescriptor ErrorFolderCorrupt
        ErrorSearchFolderNotInitialized ErrorContentIndexingNotEnabled ErrorMissingExchangePrincipal
        ErrorNoOAuthServerAvailableForRequest ErrorAutoDiscoverFailed ErrorMultiLegacyMailboxAccess
        ErrorInvalidCrossForestCredentials""",
    (Transient, "server_error"): """ErrorInternalServerTransientError ErrorInsufficientResources ErrorNotEnoughMemory
        ErrorExceededFindCountLimit ErrorBatchProcessingStopped ErrorDataSourceOperation
        ErrorItemPropertyRequestFailed ErrorFolderPropertRequestFailed ErrorResultSetTooBig""",
    (Transient, "write_conflict"): """ErrorIrresolvableConflict ErrorStaleObject ErrorInvalidChangeKey
        ErrorChangeKeyRequired ErrorChangeKeyRequiredForWriteOperations""",
    (Refused, "room_not_found"): """ErrorNonExistentMailbox ErrorNonPrimarySmtpAddress ErrorInvalidSmtpAddress
        ErrorCannotFindUser ErrorInvalidMailbox ErrorMailRecipientNotFound ErrorRecipientNotFound
        ErrorInvalidUserPrincipalName ErrorInvalidUserInfo ErrorMissingUserIdInformation ErrorAddressSpaceNotFound
        ErrorEmailAddressMismatch ErrorNameResolutionNoMailbox ErrorNameResolutionNoResults
        ErrorNameResolutionMultipleResults ErrorInvalidNameForNameResolution ErrorInvalidUserSid ErrorInvalidSid
        ErrorInvalidUserSidMissingUPN ErrorInvalidRoutingType ErrorDistinguishedUserNotSupported""",
    (Refused, "rights_missing"): """ErrorImpersonateUserDenied ErrorAccessDenied ErrorCreateItemAccessDenied
        ErrorFolderNotFound ErrorItemNotFound ErrorNotDelegate ErrorSavedItemFolderNotFound ErrorParentFolderNotFound
        ErrorParentFolderIdRequired ErrorCannotDeleteObject ErrorNoFreeBusyAccess ErrorPermissionNotAllowedByPolicy
        ErrorUserNotAllowedByPolicy ErrorInvalidFolderId ErrorCannotUseItemIdForFolderId""",
    (Refused, "mailbox_full"): """ErrorQuotaExceeded ErrorSubmissionQuotaExceeded
        ErrorMessagePerFolderCountReceiveQuotaExceeded ErrorIndividualMailboxLimitReached""",
    (Refused, "mailbox_unusable"): """ErrorMailboxConfiguration ErrorAccountDisabled ErrorInvalidLicense
        ErrorMissingEmailAddress ErrorMissingInformationEmailAddress ErrorNoCalendar ErrorFolderSave
        ErrorFolderSaveFailed ErrorFolderSavePropertyError ErrorInvalidFolderTypeForOperation
        ErrorCannotCreateCalendarItemInNonCalendarFolder ErrorCalendarFolderIsInvalidForCalendarView
        ErrorInvalidParentFolder ErrorUnsupportedCulture ErrorInvalidSchemaVersionForMailboxVersion
        ErrorWrongServerVersion ErrorWrongServerVersionDelegate ErrorAccountSuspend ErrorAccountSuspendShowTierUpgrade
        ErrorUserWithoutFederatedProxyAddress ErrorDuplicateLegacyDistinguishedName""",
    (Refused, "event_refused"): """ErrorCalendarEndDateIsEarlierThanStartDate ErrorCalendarDurationIsTooLong
        ErrorCalendarInvalidRecurrence ErrorCalendarOutOfRange ErrorCalendarInvalidTimeZone ErrorTimeZone
        ErrorCalendarInvalidPropertyValue ErrorCalendarInvalidPropertyState ErrorCalendarInvalidAttributeValue
        ErrorInvalidExtendedProperty ErrorInvalidExtendedPropertyValue ErrorInvalidPropertySet
        ErrorInvalidValueForProperty ErrorPropertyValidationFailure ErrorPropertyUpdate ErrorSchemaValidation
        ErrorCorruptData ErrorItemCorrupt ErrorItemSave ErrorItemSavePropertyError ErrorMessageSizeExceeded
        ErrorDataSizeLimitExceeded ErrorRequestStreamTooBig ErrorRequiredPropertyMissing ErrorValueOutOfRange
        ErrorVirusDetected ErrorVirusMessageDeleted ErrorMessageBlocked ErrorInvalidTimeInterval
        ErrorTimeIntervalTooBig ErrorUnsupportedTypeForConversion ErrorUnsupportedMapiPropertyType
        ErrorInvalidPropertyDelete ErrorInvalidPropertyRequest ErrorInvalidPropertyForOperation
        ErrorInvalidPropertyAppend ErrorUnsupportedPropertyDefinition ErrorUnsupportedRecurrence
        ErrorRecurrenceHasNoOccurrence ErrorRecurrenceEndDateTooBig ErrorOccurrenceCrossingBoundary
        ErrorOccurrenceTimeSpanTooBig ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange
        ErrorCalendarCannotUseIdForOccurrenceId ErrorCalendarCannotUseIdForRecurringMasterId
        ErrorCalendarIsNotOrganizer ErrorNoPropertyTagForCustomProperties ErrorInvalidItemForOperationCreateItem
        ErrorIncorrectUpdatePropertyCount ErrorUpdatePropertyMismatch ErrorContentConversionFailed
        ErrorCalendarInvalidDayForTimeChangePattern ErrorCalendarInvalidDayForWeeklyRecurrence""",
    (Refused, "exchange_refused"): """ErrorIncorrectSchemaVersion ErrorInvalidServerVersion ErrorInvalidRequest
        ErrorInvalidOperation ErrorInvalidArgument ErrorMissingArgument ErrorDuplicateSOAPHeader
        ErrorDuplicateInputFolderNames ErrorInvalidRestriction ErrorRestrictionTooLong ErrorRestrictionTooComplex
        ErrorQueryFilterTooLong ErrorUnsupportedQueryFilter ErrorUnsupportedPathForQuery ErrorUnsupportedSubFilter
        ErrorUnsupportedPathForSortGroup ErrorInvalidPropertyForExists ErrorContainsFilterWrongType
        ErrorInvalidSubfilterType ErrorInvalidIndexedPagingParameters ErrorInvalidFractionalPagingParameters
        ErrorInvalidPagingMaxRows ErrorCalendarViewRangeTooBig ErrorMessageDispositionRequired
        ErrorSendMeetingInvitationsRequired ErrorSendMeetingInvitationsOrCancellationsRequired
        ErrorSendMeetingCancellationsRequired ErrorAffectedTaskOccurrencesRequired ErrorMoveDistinguishedFolder
        ErrorInvalidLogonType ErrorInvalidReferenceItem ErrorAccessModeSpecified ErrorMoreThanOneAccessModeSpecified
        ErrorInvalidManagementRoleHeader ErrorInvalidRecipients ErrorMissingRecipients ErrorSendAsDenied
        ErrorMessageSubmissionBlocked ErrorExceededMessageLimit ErrorExceededMessageLimitShowTierUpgrade
        ErrorMimeContentInvalid ErrorMimeContentConversionFailed ErrorUnsupportedMimeConversion""",
    (Misconfigured, "impersonation_denied"): """ErrorImpersonationDenied ErrorImpersonationFailed
        ErrorImpersonationRequired ErrorInvalidExchangeImpersonationHeaderData ErrorCallerIsInvalidADAccount""",
    (Misconfigured, "credentials_rejected"): "ErrorPasswordExpired ErrorPasswordChangeRequired",
    (Misconfigured, "ews_blocked"): "ErrorOrganizationAccessBlocked",
}
ERRORS = {code: (kind, ours) for (kind, ours), codes in _GROUPS.items() for code in codes.split()}
"""Response code → our error and its code."""

NOT_OURS = _words(
    """ErrorAddDelegatesFailed ErrorAttachmentNestLevelLimitExceeded ErrorAttachmentSizeLimitExceeded
    ErrorArchiveFolderPathCreation ErrorArchiveMailboxNotEnabled ErrorArchiveMailboxServiceDiscoveryFailed
    ErrorAvailabilityConfigNotFound ErrorCalendarCannotMoveOrCopyOccurrence ErrorCalendarIsCancelledForAccept
    ErrorCalendarIsCancelledForDecline ErrorCalendarIsCancelledForRemove ErrorCalendarIsCancelledForTentative
    ErrorCalendarIsDelegatedForAccept ErrorCalendarIsDelegatedForDecline ErrorCalendarIsDelegatedForRemove
    ErrorCalendarIsDelegatedForTentative ErrorCalendarIsOrganizerForAccept ErrorCalendarIsOrganizerForDecline
    ErrorCalendarIsOrganizerForRemove ErrorCalendarIsOrganizerForTentative
    ErrorCalendarMeetingRequestIsOutOfDate ErrorCannotAccessDeletedPublicFolder
    ErrorCannotArchiveCalendarContactTaskFolderException ErrorCannotArchiveItemsInPublicFolders
    ErrorCannotArchiveItemsInArchiveMailbox ErrorCannotCreateContactInNonContactFolder
    ErrorCannotCreatePostItemInNonMailFolder ErrorCannotCreateTaskInNonTaskFolder
    ErrorCannotDisableMandatoryExtension ErrorCannotGetSourceFolderPath ErrorCannotGetExternalEcpUrl
    ErrorCannotOpenFileAttachment ErrorCannotDeleteTaskOccurrence ErrorCannotEmptyFolder
    ErrorCannotSetCalendarPermissionOnNonCalendarFolder ErrorCannotSetNonCalendarPermissionOnCalendarFolder
    ErrorCannotSetPermissionUnknownEntries ErrorCannotSpecifySearchFolderAsSourceFolder
    ErrorClientIntentInvalidStateDefinition ErrorClientIntentNotFound ErrorCreateManagedFolderPartialCompletion
    ErrorCreateSubfolderAccessDenied ErrorCrossMailboxMoveCopy ErrorDelegateAlreadyExists
    ErrorDelegateCannotAddOwner ErrorDelegateMissingConfiguration ErrorDelegateNoUser
    ErrorDelegateValidationFailed ErrorDeleteDistinguishedFolder ErrorDeleteUnifiedMessagingPromptFailed
    ErrorDistributionListMemberNotExist ErrorDuplicateUserIdsSpecified ErrorEventNotFound
    ErrorExceededSubscriptionCount ErrorExpiredSubscription ErrorExtensionNotFound ErrorExtensionsNotAuthorized
    ErrorFolderExists ErrorFreeBusyGenerationFailed ErrorImContactLimitReached
    ErrorImGroupDisplayNameAlreadyExists ErrorImGroupLimitReached ErrorInvalidAccessLevel
    ErrorInvalidAttachmentId ErrorInvalidAttachmentSubfilter ErrorInvalidAttachmentSubfilterTextFilter
    ErrorInvalidCompleteDate ErrorInvalidContactEmailAddress ErrorInvalidContactEmailIndex
    ErrorInvalidDelegatePermission ErrorInvalidDelegateUserId ErrorInvalidExcludesRestriction
    ErrorInvalidExpressionTypeForSubFilter ErrorInvalidFreeBusyViewType ErrorInvalidImContactId
    ErrorInvalidImDistributionGroupSmtpAddress ErrorInvalidImGroupId ErrorInvalidInternetHeaderChildNodes
    ErrorInvalidItemForOperationArchiveItem ErrorInvalidItemForOperationCreateItemAttachment
    ErrorInvalidItemForOperationAcceptItem ErrorInvalidItemForOperationDeclineItem
    ErrorInvalidItemForOperationCancelItem ErrorInvalidItemForOperationExpandDL
    ErrorInvalidItemForOperationRemoveItem ErrorInvalidItemForOperationSendItem
    ErrorInvalidItemForOperationTentative ErrorInvalidLikeRequest ErrorInvalidManagedFolderProperty
    ErrorInvalidManagedFolderQuota ErrorInvalidManagedFolderSize ErrorInvalidMergedFreeBusyInterval
    ErrorInvalidOofParameter ErrorInvalidPercentCompleteValue ErrorInvalidPermissionSettings
    ErrorInvalidPhoneCallId ErrorInvalidPhoneNumber ErrorInvalidPropertyUpdateSentMessage
    ErrorInvalidPullSubscriptionId ErrorInvalidPushSubscriptionUrl ErrorInvalidRecipientSubfilter
    ErrorInvalidRecipientSubfilterComparison ErrorInvalidRecipientSubfilterOrder
    ErrorInvalidRecipientSubfilterTextFilter ErrorInvalidRetentionTagTypeMismatch
    ErrorInvalidRetentionTagInvisible ErrorInvalidRetentionTagInheritance ErrorInvalidRetentionTagIdGuid
    ErrorInvalidScheduledOofDuration ErrorInvalidSendItemSaveSettings ErrorInvalidSIPUri
    ErrorInvalidSubfilterTypeNotAttendeeType ErrorInvalidSubfilterTypeNotRecipientType ErrorInvalidSubscription
    ErrorInvalidSubscriptionRequest ErrorInvalidSyncStateData ErrorInvalidUserOofSettings ErrorInvalidWatermark
    ErrorIPGatewayNotFound ErrorLegacyMailboxFreeBusyViewTypeNotMerged ErrorMailboxDataArrayEmpty
    ErrorMailboxDataArrayTooBig ErrorMailboxHoldNotFound ErrorMailTipsDisabled ErrorManagedFolderAlreadyExists
    ErrorManagedFolderNotFound ErrorManagedFoldersRootFailure ErrorMeetingSuggestionGenerationFailed
    ErrorMimeContentInvalidBase64String ErrorMissingEmailAddressForManagedFolder
    ErrorMissingInformationReferenceItemId ErrorMissingItemForCreateItemAttachment ErrorMissingManagedFolderId
    ErrorNoFolderClassOverride ErrorNoPublicFolderReplicaAvailable ErrorNoPublicFolderServerAvailable
    ErrorOperationNotAllowedWithPublicFolderRoot ErrorPhoneNumberNotDialable
    ErrorPromptPublishingOperationFailed ErrorProxiedSubscriptionCallFailure
    ErrorPublicFolderMailboxDiscoveryFailed ErrorPublicFolderOperationFailed
    ErrorPublicFolderRequestProcessingFailed ErrorPublicFolderServerNotFound ErrorPublicFolderSyncException
    ErrorReadEventsFailed ErrorReadReceiptNotPending ErrorRemoveDelegatesFailed
    ErrorResolveNamesInvalidFolderType ErrorResolveNamesOnlyOneContactsFolderAllowed
    ErrorSentMeetingRequestUpdate ErrorSentTaskRequestUpdate ErrorSubscriptionAccessDenied
    ErrorSubscriptionDelegateAccessNotSupported ErrorSubscriptionNotFound ErrorSubscriptionUnsubscribed
    ErrorSyncFolderNotFound ErrorTeamMailboxNotFound ErrorTeamMailboxNotLinkedToSharePoint
    ErrorTeamMailboxUrlValidationFailed ErrorTeamMailboxNotAuthorizedOwner ErrorTeamMailboxActiveToPendingDelete
    ErrorTeamMailboxFailedSendingNotifications ErrorTeamMailboxErrorUnknown ErrorToFolderNotFound
    ErrorUnifiedGroupMailboxAADCreationFailed ErrorUnifiedGroupMailboxAADDeleteFailed
    ErrorUnifiedGroupMailboxNamingPolicy ErrorUnifiedGroupMailboxDeleteFailed ErrorUnifiedGroupMailboxNotFound
    ErrorUnifiedGroupMailboxUpdateDelayed ErrorUnifiedGroupMailboxUpdatedPartialProperties
    ErrorUnifiedGroupMailboxUpdateFailed ErrorUnifiedGroupMailboxProvisionFailed
    ErrorUnifiedMessagingDialPlanNotFound ErrorUnifiedMessagingReportDataNotFound
    ErrorUnifiedMessagingPromptNotFound ErrorUnifiedMessagingRequestFailed ErrorUnifiedMessagingServerNotFound
    ErrorUnableToGetUserOofSettings ErrorUnableToRemoveImContactFromGroup ErrorUpdateDelegatesFailed
    ErrorUserNotUnifiedMessagingEnabled ErrorVoiceMailNotImplemented ErrorWorkingHoursSaveFailed
    ErrorWorkingHoursXmlMalformed ErrorMissingInformationSharingFolderId ErrorSharingSynchronizationFailed
    ErrorSharingNoExternalEwsAvailable ErrorFreeBusyDLLimitReached ErrorInvalidGetSharingFolderRequest
    ErrorNotAllowedExternalSharingByPolicy ErrorOrganizationNotFederated ErrorInvalidExternalSharingInitiator
    ErrorMessageTrackingPermanentError ErrorMessageTrackingTransientError ErrorMessageTrackingNoSuchDomain
    ErrorInvalidOrganizationRelationshipForFreeBusy ErrorInvalidFederatedOrganizationId
    ErrorInvalidExternalSharingSubscriber ErrorInvalidSharingData ErrorInvalidSharingMessage
    ErrorNotSupportedSharingMessage ErrorApplyConversationActionFailed ErrorInboxRulesValidationError
    ErrorOutlookRuleBlobExists ErrorRulesOverQuota ErrorNewEventStreamConnectionOpened
    ErrorMissedNotificationEvents ErrorInvalidClientAccessTokenRequest ErrorUnauthorizedClientAccessTokenRequest
    ErrorNoSpeechDetected ErrorUMServerUnavailable ErrorRecognizerNotInstalled ErrorSpeechGrammarError
    ErrorLocationServicesDisabled ErrorLocationServicesRequestTimedOut ErrorLocationServicesRequestFailed
    ErrorLocationServicesInvalidRequest ErrorWeatherServiceDisabled
    ErrorMailboxScopeNotAllowedWithoutQueryString ErrorArchiveMailboxSearchFailed
    ErrorGetRemoteArchiveFolderFailed ErrorFindRemoteArchiveFolderFailed ErrorGetRemoteArchiveItemFailed
    ErrorExportRemoteArchiveItemsFailed ErrorInvalidPhotoSize ErrorSearchQueryHasTooManyKeywords
    ErrorSearchTooManyMailboxes ErrorInvalidRetentionTagNone ErrorDiscoverySearchesDisabled
    ErrorCalendarSeekToConditionNotSupported ErrorCalendarIsGroupMailboxForAccept
    ErrorCalendarIsGroupMailboxForDecline ErrorCalendarIsGroupMailboxForTentative
    ErrorCalendarIsGroupMailboxForSuppressReadReceipt ErrorInvalidBulkActionType ErrorInvalidKeepNCount
    ErrorInvalidKeepNType ErrorInstantSearchSessionExpired ErrorInstantSearchTimeout ErrorInstantSearchFailed
    ErrorUnsupportedUserForExecuteSearch ErrorDuplicateExtendedKeywordDefinition
    ErrorUnexpectedUnifiedGroupsCount ErrorInvalidFederationOrganizationIdentifier ErrorInvalidSweepRule
    ErrorInvalidSweepRuleOperationType ErrorTargetDomainNotSupported ErrorInvalidInternetWebProxyOnLocalServer
    ErrorNoSenderRestrictionsSettingsFoundInRequest ErrorDuplicateSenderRestrictionsInputFound
    ErrorSenderRestrictionsUpdateFailed ErrorExceededMaxRecipientLimitBlock ErrorExceededMaxRecipientLimit
    ErrorExceededMaxRecipientLimitShowTierUpgrade ErrorInvalidLongitude ErrorInvalidLatitude
    ErrorUnifiedGroupAlreadyExists ErrorUnifiedGroupAadAuthorizationRequestDenied
    ErrorUnifiedGroupCreationDisabled ErrorMarketPlaceExtensionAlreadyInstalledForOrg
    ErrorExtensionAlreadyInstalledForOrg ErrorNewerExtensionAlreadyInstalled
    ErrorNewerMarketPlaceExtensionAlreadyInstalled ErrorInvalidExtensionId
    ErrorCannotUninstallProvidedExtensions ErrorNoRbacPermissionToInstallMarketPlaceExtensions
    ErrorNoRbacPermissionToInstallReadWriteMailboxExtensions ErrorInvalidReportMessageActionType
    ErrorCannotDownloadExtensionManifest ErrorCalendarForwardActionNotAllowed ErrorUnifiedGroupAliasNamingPolicy
    ErrorSubscriptionsDisabledForGroup"""
)
"""Codes of operations that we never ask for: attachments, folders, tasks, mail, delegates, subscriptions, telephony."""
