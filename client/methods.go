package client

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// callEffect is what it means to make a call again whose answer was lost.
type callEffect int

const (
	// once: it may do again what it has done. It is not made again.
	notRepeatable callEffect = iota
	// reads: it changes nothing.
	readOnly
	// settles: it leaves behind what the first one left behind.
	idempotent
)

// methodEffects has every unary method. The package comment explains each.
var methodEffects = map[string]callEffect{
	stokerv1.BatchService_SubmitBatch_FullMethodName:  notRepeatable, // with a request_id: settles
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

	stokerv1.AccountService_ListAccounts_FullMethodName:  readOnly,
	stokerv1.AccountService_GetAccount_FullMethodName:    readOnly,
	stokerv1.AccountService_PauseAccount_FullMethodName:  idempotent,
	stokerv1.AccountService_ResumeAccount_FullMethodName: idempotent,
	stokerv1.AccountService_UpdateAccount_FullMethodName: idempotent,
}

// effectOf is what it means to send req to method again. A method that is not known is
// not made again.
func effectOf(method string, req any) callEffect {
	if v, ok := req.(interface{ GetValidateOnly() bool }); ok && v.GetValidateOnly() {
		return readOnly
	}
	if s, ok := req.(*stokerv1.SubmitBatchRequest); ok && s.GetRequestId() != "" {
		return idempotent
	}
	return methodEffects[method]
}

// methodName is the name of a method without its service.
func methodName(fullMethod string) string {
	return fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
}
