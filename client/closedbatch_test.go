package client_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stokerd/stoker/client"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// others are jobs of somebody else.
func others(n int) []*stokerv1.JobSpec {
	jobs := make([]*stokerv1.JobSpec, n)
	for i := range jobs {
		jobs[i] = &stokerv1.JobSpec{Key: fmt.Sprintf("other %d", i)}
	}
	return jobs
}

// Nothing can be added to a closed batch any more: an upload to it goes on only if it has the whole list, however many
// jobs it has.
func TestUploadToAClosedBatch(t *testing.T) {
	list := specs(16)
	for _, tt := range []struct {
		name    string
		fill    func(*table)
		paused  bool
		missing int64 // 0: the upload is complete
		first   string
		skipped int64
		calls   []string // besides the first; nil: any
	}{
		{"whole", func(tb *table) { tb.take(list) }, false, 0, "", 0, []string{"get b/16"}},
		{"whole, with others behind it", func(tb *table) { tb.take(list); tb.take(others(3)) }, false, 0, "", 0, nil},
		{"whole, with others within", func(tb *table) { tb.take(list[:7]); tb.take(others(3)); tb.take(list) }, false, 0, "", 0, nil},
		{"a part", func(tb *table) { tb.take(list[:7]) }, false, 9, "k-7", 0, nil},
		{"a part, with as many others as are missing", func(tb *table) { tb.take(list[:7]); tb.take(others(9)) }, false, 9, "k-7", 0, nil},
		{"a part, with more others than are missing", func(tb *table) { tb.take(list[:15]); tb.take(others(9)) }, false, 1, "k-15", 0, nil},
		{"paused, a part, with others", func(tb *table) { tb.take(list[:7]); tb.take(others(9)) }, true, 9, "k-7", 0, nil},
		{"paused, whole, with others", func(tb *table) { tb.take(list); tb.take(others(9)) }, true, 0, "", 0, nil},
		{"whole, some left out", func(tb *table) { tb.skipped = map[string]bool{"k-3": true, "k-15": true}; tb.take(list) }, false, 0, "", 0, nil},
		{"a part, some left out", func(tb *table) { tb.skipped = map[string]bool{"k-3": true}; tb.take(list[:7]) }, false, 10, "k-3", 1, nil},
		{"some left out, perhaps of others", func(tb *table) {
			tb.skipped = map[string]bool{"k-3": true}
			tb.take(list)
			tb.take(others(1))
		}, false, 1, "k-3", 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tb := &table{jobs: map[string]bool{}}
			tt.fill(tb)
			tb.state = stokerv1.BatchState_BATCH_STATE_ACTIVE
			s := tb.service()
			if tt.paused {
				tb.state = stokerv1.BatchState_BATCH_STATE_PAUSED
				s.add = func(*stokerv1.AddJobsRequest) (*stokerv1.Batch, error) {
					refused, err := status.New(codes.FailedPrecondition, "it takes no more jobs").WithDetails(&errdetails.ErrorInfo{Domain: "stoker", Reason: "WRONG_STATE"})
					if err != nil {
						return nil, err
					}
					return nil, refused.Err()
				}
			}
			within(t, s, client.Options{MessageBytes: 200}, func(t *testing.T, c *client.Client) {
				b, err := c.SubmitWith(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: list}, client.SubmitOptions{BatchID: "b"})
				if tt.calls != nil {
					if diff := cmp.Diff(append([]string{"get b"}, tt.calls...), tb.calls); diff != "" {
						t.Errorf("calls (-want +got):\n%s", diff)
					}
				}
				if tt.missing == 0 {
					if err != nil || b.GetId() != "b" {
						t.Errorf("%v, %v; want the batch", b, err)
					}
					return
				}
				wrong, ok := errors.AsType[*client.IncompleteError](err)
				if !ok || b != nil {
					t.Fatalf("%v, %v; want the error of an incomplete batch", b, err)
				}
				want := &client.IncompleteError{Batch: wrong.Batch, Total: 16, Missing: tt.missing, Key: tt.first, Skipped: tt.skipped}
				if *wrong != *want {
					t.Errorf("%+v, want %+v", *wrong, *want)
				}
			})
		})
	}
	t.Run("found by its request id", func(t *testing.T) {
		tb := &table{jobs: map[string]bool{}}
		tb.take(list[:7])
		tb.take(others(9))
		tb.state = stokerv1.BatchState_BATCH_STATE_ACTIVE
		within(t, tb.service(), client.Options{MessageBytes: 200}, func(t *testing.T, c *client.Client) {
			_, err := c.Submit(t.Context(), &stokerv1.SubmitBatchRequest{Jobs: list, RequestId: "night"})
			if wrong, ok := errors.AsType[*client.IncompleteError](err); !ok || wrong.Missing != 9 {
				t.Errorf("%v, want the error of an incomplete batch", err)
			}
		})
	})
}
