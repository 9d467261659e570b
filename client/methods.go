package client

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// callEffect says what a repeat of a call changes, and so whether a call without an answer may be
// repeated.
type callEffect int

const (
	// notRepeatable: a repeat may have the effect of the call a second time.
	notRepeatable callEffect = iota
	// readOnly: the call changes nothing.
	readOnly
	// idempotent: a repeat has the same result as the first call alone.
	idempotent
)

// methodEffects has the effect of every unary method. The package comment has the reasons.
var methodEffects = map[string]callEffect{
	stokerv1.BatchService_SubmitBatch_FullMethodName:  notRepeatable, // idempotent with a request_id
	stokerv1.BatchService_AddJobs_FullMethodName:      idempotent,
	stokerv1.BatchService_CloseBatch_FullMethodName:   idempotent,
	stokerv1.BatchService_GetBatch_FullMethodName:     readOnly,
	stokerv1.BatchService_ListBatches_FullMethodName:  readOnly,
	stokerv1.BatchService_GetJob_FullMethodName:       readOnly,
	stokerv1.BatchService_ListJobs_FullMethodName:     readOnly,
	stokerv1.BatchService_ListFailures_FullMethodName: readOnly,
	stokerv1.BatchService_CancelJob_FullMethodName:    idempotent,
	stokerv1.BatchService_CancelBatch_FullMethodName:  idempotent,
	stokerv1.BatchService_CancelJobs_FullMethodName:   idempotent,
	stokerv1.BatchService_RetryJobs_FullMethodName:    notRepeatable,
	stokerv1.BatchService_PauseBatch_FullMethodName:   idempotent,
	stokerv1.BatchService_ResumeBatch_FullMethodName:  idempotent,
	stokerv1.BatchService_UpdateBatch_FullMethodName:  idempotent,
	stokerv1.BatchService_DeleteBatch_FullMethodName:  idempotent,

	stokerv1.BatchService_ResubmitBatch_FullMethodName: notRepeatable, // idempotent with a request_id
	stokerv1.BatchService_CancelBatches_FullMethodName: idempotent,
	stokerv1.BatchService_PauseBatches_FullMethodName:  idempotent,
	stokerv1.BatchService_ResumeBatches_FullMethodName: idempotent,
	stokerv1.BatchService_DeleteBatches_FullMethodName: idempotent,
	stokerv1.BatchService_UpdateBatches_FullMethodName: idempotent,

	stokerv1.AccountService_ListAccounts_FullMethodName:  readOnly,
	stokerv1.AccountService_GetAccount_FullMethodName:    readOnly,
	stokerv1.AccountService_PauseAccount_FullMethodName:  idempotent,
	stokerv1.AccountService_ResumeAccount_FullMethodName: idempotent,
	stokerv1.AccountService_UpdateAccount_FullMethodName: idempotent,

	stokerv1.AccountService_GetAccountHistory_FullMethodName: readOnly,
	stokerv1.AccountService_ListNextJobs_FullMethodName:      readOnly,
	stokerv1.AccountService_ListReplicas_FullMethodName:      readOnly,

	stokerv1.SubmissionService_CheckList_FullMethodName: readOnly,
	stokerv1.SubmissionService_PlanBatch_FullMethodName: readOnly,
	stokerv1.AccessService_WhoAmI_FullMethodName:        readOnly,
	stokerv1.AccessService_CreateToken_FullMethodName:   notRepeatable, // it would make another token
	stokerv1.AccessService_ListTokens_FullMethodName:    readOnly,
	stokerv1.AccessService_RevokeToken_FullMethodName:   idempotent,

	stokerv1.AuditService_ListEntries_FullMethodName: readOnly,

	stokerv1.DiagnosticsService_RunChecks_FullMethodName: readOnly,
	stokerv1.DiagnosticsService_GetReport_FullMethodName: readOnly,

	stokerv1.NotificationService_ListEndpoints_FullMethodName:  readOnly,
	stokerv1.NotificationService_CreateEndpoint_FullMethodName: notRepeatable, // the secret would be lost
	stokerv1.NotificationService_UpdateEndpoint_FullMethodName: idempotent,
	stokerv1.NotificationService_DeleteEndpoint_FullMethodName: notRepeatable, // there may be another one by then
	stokerv1.NotificationService_RotateSecret_FullMethodName:   notRepeatable, // it would make another secret
	stokerv1.NotificationService_TestEndpoint_FullMethodName:   notRepeatable,
	stokerv1.NotificationService_ListDeliveries_FullMethodName: readOnly,
	stokerv1.NotificationService_Redeliver_FullMethodName:      notRepeatable, // it would send twice

	stokerv1.CatalogService_ListProfiles_FullMethodName:  readOnly,
	stokerv1.CatalogService_GetProfile_FullMethodName:    readOnly,
	stokerv1.CatalogService_ListTemplates_FullMethodName: readOnly,
	stokerv1.CatalogService_GetTemplate_FullMethodName:   readOnly,
	stokerv1.CatalogService_ListStorages_FullMethodName:  readOnly,
}

// effectOf is the effect of a call of method with req. An unknown method is not repeatable.
func effectOf(method string, req any) callEffect {
	if v, ok := req.(interface{ GetValidateOnly() bool }); ok && v.GetValidateOnly() {
		return readOnly
	}
	if s, ok := req.(interface{ GetRequestId() string }); ok && s.GetRequestId() != "" {
		return idempotent
	}
	return methodEffects[method]
}

// methodName is the name of a method without its service.
func methodName(fullMethod string) string {
	return fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
}
