package server_test

import (
	"testing"

	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// BenchmarkGetBatch is one small call, as a client sees it.
func BenchmarkGetBatch(b *testing.B) {
	batches := benchWorld(b)
	submitted, err := batches.SubmitBatch(b.Context(), submission(1))
	if err != nil {
		b.Fatal(err)
	}
	req := &stokerv1.GetBatchRequest{BatchId: submitted.GetBatch().GetId()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := batches.GetBatch(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}
