package server

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/notification"
)

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
