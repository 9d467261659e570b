package digest_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
	"github.com/stokerd/stoker/internal/digest"
)

func TestOf(t *testing.T) {
	request := func(change func(*stokerv1.SubmitBatchRequest)) *stokerv1.SubmitBatchRequest {
		r := &stokerv1.SubmitBatchRequest{
			RequestId: "r", Labels: map[string]string{"a": "1", "b": "2"},
			Jobs: []*stokerv1.JobSpec{{Key: "a", InputPath: "in/a"}, {Key: "b", InputPath: "in/b"}},
		}
		change(r)
		return r
	}
	of := func(r *stokerv1.SubmitBatchRequest) []byte {
		before := proto.CloneOf(r)
		sum, err := digest.Of(r)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(before, r) {
			t.Errorf("the request is %v after the call, and was %v", r, before)
		}
		return sum
	}
	first := of(request(func(*stokerv1.SubmitBatchRequest) {}))
	for name, tt := range map[string]struct {
		change func(*stokerv1.SubmitBatchRequest)
		same   bool
	}{
		"nothing":           {func(*stokerv1.SubmitBatchRequest) {}, true},
		"request_id":        {func(r *stokerv1.SubmitBatchRequest) { r.RequestId = "s" }, true},
		"a label":           {func(r *stokerv1.SubmitBatchRequest) { r.Labels["b"] = "3" }, false},
		"a job less":        {func(r *stokerv1.SubmitBatchRequest) { r.Jobs = r.Jobs[:1] }, false},
		"the order of jobs": {func(r *stokerv1.SubmitBatchRequest) { r.Jobs[0], r.Jobs[1] = r.Jobs[1], r.Jobs[0] }, false},
	} {
		if got := bytes.Equal(of(request(tt.change)), first); got != tt.same {
			t.Errorf("%s changed: the digests are equal: %v, want %v", name, got, tt.same)
		}
	}
}
