package server

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/job"
)

func TestWordsOfRequests(t *testing.T) {
	for _, tt := range []struct {
		request        proto.Message
		target, detail string
	}{
		{&stokerv1.CancelBatchRequest{BatchId: "b", Reason: "wrong \"profile\""}, "b", `reason "wrong \"profile\""`},
		{&stokerv1.AddJobsRequest{BatchId: "b", Jobs: make([]*stokerv1.JobSpec, 3)}, "b", "3 jobs"},
		{
			&stokerv1.SubmitBatchRequest{DisplayName: "night", Labels: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6", "g": "7"}},
			"", `display name "night"; labels a=1, b=2, c=3, d=4, e=5 and 2 more`,
		},
		{&stokerv1.UpdateBatchRequest{
			Batch:      &stokerv1.Batch{Id: "b", Priority: 70, DisplayName: "does not count"},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"priority", "labels", "retry_policy", "no_such_field"}},
		}, "b", "priority 70; labels none; retry policy {}"},
		{
			&stokerv1.UpdateBatchRequest{Batch: &stokerv1.Batch{Id: "b"}, SetLabels: map[string]string{"team": "news"}, RemoveLabels: []string{"old"}},
			"b", `set labels team=news; remove labels "old"`,
		},
	} {
		if target, detail := describeRequest(tt.request); target != tt.target || detail != tt.detail {
			t.Errorf("%T: %q, %q, want %q, %q", tt.request, target, detail, tt.target, tt.detail)
		}
	}
}

// What a request has that opens something is neither in the audit log nor in the log of the service: values of
// variables, among which a content key may be, and what follows the host in a URL.
func TestWordsHaveNoSecrets(t *testing.T) {
	const secret = "0123456789abcdef"
	hook := "https://hooks.example.com/services/" + secret + "?token=" + secret
	for _, tt := range []struct {
		request proto.Message
		want    string
	}{
		{&stokerv1.SubmitBatchRequest{Variables: map[string]string{"key": secret, "brand": secret}}, "variables brand, key"},
		{&stokerv1.AddJobsRequest{BatchId: "b", Variables: map[string]string{"key": secret}}, "variables key"},
		{&stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Name: "chat", Url: hook}}, `endpoint {name "chat", url "https://hooks.example.com/…"}`},
		{&stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Url: "https://ops.example.com"}}, `endpoint {url "https://ops.example.com"}`},
		{&stokerv1.CreateEndpointRequest{Endpoint: &stokerv1.NotificationEndpoint{Url: ":" + secret}}, `endpoint {url "of 17 bytes"}`},
	} {
		if _, detail := describeRequest(tt.request); detail != tt.want {
			t.Errorf("%T: %q, want %q", tt.request, detail, tt.want)
		}
	}
	before, after := &notification.Endpoint{URL: hook}, &notification.Endpoint{URL: hook + secret}
	if d := endpointDifference(before, after); d == "" || strings.Contains(d, secret) {
		t.Errorf("a change of a URL: %q", d)
	}
}

// Whoever names a batch, or labels it, does not write into the audit log what nobody has done.
func TestWordsCannotBeForged(t *testing.T) {
	before, after := &job.Batch{DisplayName: "a", State: job.BatchActive}, &job.Batch{
		DisplayName: "b; state ACTIVE -> CANCELLED", State: job.BatchActive, Labels: map[string]string{"team": "x; priority 1 -> 99", "x, y": "z"},
	}
	const labels = `"x, y"=z, team="x; priority 1 -> 99"`
	if got, want := batchDifference(before, after), `name "a" -> "b; state ACTIVE -> CANCELLED"; labels none -> team="x; priority 1 -> 99", "x, y"=z`; got != want {
		t.Errorf("a change: %s, want %s", got, want)
	}
	if _, got := describeRequest(&stokerv1.SubmitBatchRequest{DisplayName: `n"; 9 jobs`, Labels: after.Labels}); got != `display name "n\"; 9 jobs"; labels `+labels {
		t.Errorf("a request: %s", got)
	}
	if _, got := describeRequest(&stokerv1.SubmitBatchRequest{Variables: map[string]string{"a; 9 jobs": ""}}); got != `variables "a; 9 jobs"` {
		t.Errorf("variables: %s", got)
	}
	paused := job.AccountSettings{Paused: true, PausedReason: "x; settings.Paused true -> false"}
	if got := settingsDifference(job.AccountSettings{}, paused); strings.Contains(strings.ReplaceAll(got, `reason "x; settings.Paused true -> false"`, ""), "settings") {
		t.Errorf("an account: %s", got)
	}
}
