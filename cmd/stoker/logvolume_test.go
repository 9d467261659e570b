package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stokerd/stoker/bitmovin/simulator"
	stokerv1 "github.com/stokerd/stoker/gen/stoker/v1"
)

// TestBusyLog makes a thousand changes and as many reads at once. The log tells of every change, and does not grow
// with them.
func TestBusyLog(t *testing.T) {
	s := startService(t, serviceEnv(t, &simulator.Simulator{}))
	f := newForeign(t, s)
	batch, err := f.batches.SubmitBatch(t.Context(), &stokerv1.SubmitBatchRequest{KeepOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	id := batch.GetBatch().GetId()
	const callers, changes = 10, 100
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for n := range changes {
				reason := fmt.Sprintf("change %d of %d", n, caller) // equal lines would be one
				if _, err := f.batches.PauseBatch(t.Context(), &stokerv1.PauseBatchRequest{BatchId: id, Reason: reason}); err != nil {
					t.Error(err)
				}
				if _, err := f.batches.GetBatch(t.Context(), &stokerv1.GetBatchRequest{BatchId: id}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if code := s.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	text, err := io.ReadAll(s.log)
	if err != nil {
		t.Fatal(err)
	}
	told, ids := 0, map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var line struct {
			Msg      string
			CallID   string `json:"call_id"`
			Method   string
			Repeated int
			LeftOut  int `json:"left_out"`
		}
		err := d.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Msg != "call carried out" || line.Method == "BatchService/SubmitBatch" {
			continue
		}
		ids[line.CallID] = true
		told += max(line.Repeated+line.LeftOut, 1)
	}
	if told != callers*changes || len(ids) == 0 {
		t.Errorf("the log tells of %d changes, want %d", told, callers*changes)
	}
	if limit := 150 << 10; len(text) > limit {
		t.Errorf("the log has %d bytes, want at most %d", len(text), limit)
	}
}
