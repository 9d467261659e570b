package client

import (
	"strings"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// effect is what it means to make a call again whose answer was lost.
type effect int

const (
	// once: it may do again what it has done. It is not made again.
	once effect = iota
	// reads: it changes nothing.
	reads
	// settles: it leaves behind what the first one left behind.
	settles
)

// effects has every unary method. The package comment explains each.
var effects = map[string]effect{
	stokerv1.BatchService_SubmitBatch_FullMethodName:  once, // with a request_id: settles
	stokerv1.BatchService_AddJobs_FullMethodName:      settles,
	stokerv1.BatchService_CloseBatch_FullMethodName:   settles,
	stokerv1.BatchService_GetBatch_FullMethodName:     reads,
	stokerv1.BatchService_ListBatches_FullMethodName:  reads,
	stokerv1.BatchService_GetJob_FullMethodName:       reads,
	stokerv1.BatchService_ListJobs_FullMethodName:     reads,
	stokerv1.BatchService_ListFailures_FullMethodName: reads,
	stokerv1.BatchService_CancelJob_FullMethodName:    settles,
	stokerv1.BatchService_CancelBatch_FullMethodName:  settles,
	stokerv1.BatchService_CancelJobs_FullMethodName:   settles,
	stokerv1.BatchService_RetryJobs_FullMethodName:    once,
	stokerv1.BatchService_PauseBatch_FullMethodName:   settles,
	stokerv1.BatchService_ResumeBatch_FullMethodName:  settles,
	stokerv1.BatchService_UpdateBatch_FullMethodName:  settles,
	stokerv1.BatchService_DeleteBatch_FullMethodName:  settles,

	stokerv1.AccountService_ListAccounts_FullMethodName:  reads,
	stokerv1.AccountService_GetAccount_FullMethodName:    reads,
	stokerv1.AccountService_PauseAccount_FullMethodName:  settles,
	stokerv1.AccountService_ResumeAccount_FullMethodName: settles,
	stokerv1.AccountService_UpdateAccount_FullMethodName: settles,
}

// effectOf is what it means to send req to method again. A method that is not known is
// not made again.
func effectOf(method string, req any) effect {
	if v, ok := req.(interface{ GetValidateOnly() bool }); ok && v.GetValidateOnly() {
		return reads
	}
	if s, ok := req.(*stokerv1.SubmitBatchRequest); ok && s.GetRequestId() != "" {
		return settles
	}
	return effects[method]
}

// methodName is the name of a method without its service.
func methodName(fullMethod string) string {
	return fullMethod[strings.LastIndexByte(fullMethod, '/')+1:]
}
