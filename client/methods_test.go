package client

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestEffects holds that it is known of every unary method what a repeat means.
func TestEffects(t *testing.T) {
	known := 0
	for _, service := range []protoreflect.ServiceDescriptor{
		stokerv1.File_stoker_v1_batch_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_account_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_catalog_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_submission_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_access_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_audit_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_notification_service_proto.Services().Get(0),
		stokerv1.File_stoker_v1_diagnostics_service_proto.Services().Get(0),
	} {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			if method.IsStreamingServer() {
				continue
			}
			known++
			name := string(method.Name())
			got, ok := methodEffects["/"+string(service.FullName())+"/"+name]
			if !ok {
				t.Errorf("it is not said whether %s may be repeated", name)
			}
			reads := func(verb string) bool { return strings.HasPrefix(name, verb) }
			if want := slices.ContainsFunc([]string{"Get", "List", "Check", "Plan", "RunChecks", "WhoAmI"}, reads); want != (got == readOnly) {
				t.Errorf("%s reads: %t, want %t", name, got == readOnly, want)
			}
		}
	}
	if known != len(methodEffects) {
		t.Errorf("%d methods are known, and there are %d", len(methodEffects), known)
	}
}

func TestEffectOf(t *testing.T) {
	for _, tt := range []struct {
		method string
		req    any
		want   callEffect
	}{
		{stokerv1.BatchService_SubmitBatch_FullMethodName, &stokerv1.SubmitBatchRequest{}, notRepeatable},
		{stokerv1.BatchService_SubmitBatch_FullMethodName, &stokerv1.SubmitBatchRequest{RequestId: "r"}, idempotent},
		{stokerv1.BatchService_SubmitBatch_FullMethodName, &stokerv1.SubmitBatchRequest{ValidateOnly: true}, readOnly},
		{stokerv1.BatchService_ResubmitBatch_FullMethodName, &stokerv1.ResubmitBatchRequest{}, notRepeatable},
		{stokerv1.BatchService_ResubmitBatch_FullMethodName, &stokerv1.ResubmitBatchRequest{RequestId: "r"}, idempotent},
		{stokerv1.BatchService_RetryJobs_FullMethodName, &stokerv1.RetryJobsRequest{}, notRepeatable},
		{stokerv1.BatchService_RetryJobs_FullMethodName, &stokerv1.RetryJobsRequest{ValidateOnly: true}, readOnly},
		{"/another.Service/Method", nil, notRepeatable},
	} {
		if got := effectOf(tt.method, tt.req); got != tt.want {
			t.Errorf("effect of %s %v is %d, want %d", tt.method, tt.req, got, tt.want)
		}
	}
}
