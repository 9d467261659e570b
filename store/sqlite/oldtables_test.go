package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/testkit/oldtable"
	"github.com/stokerd/stoker/job"
)

// Job tables that earlier versions have written are brought up to date, with everything in them, and have the same
// schema as a new one.
func TestOldTables(t *testing.T) {
	fresh := schema(t, mustOpen(t))
	for _, old := range oldtable.All(t, "testdata") {
		t.Run(old.Name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stoker.db")
			old.Unpack(t, path)
			s := mustOpenAt(t, path)
			if diff := cmp.Diff(fresh, schema(t, s)); diff != "" {
				t.Errorf("schema (-of a new file +of the old one):\n%s", diff)
			}
			checkWhole(t, s)
			got := make([]oldtable.Job, len(old.Jobs))
			for i, want := range old.Jobs {
				got[i] = readOld(t, s, want.Batch, want.Number)
			}
			if diff := cmp.Diff(old.Jobs, got); diff != "" {
				t.Errorf("jobs (-as the old version had them +now):\n%s", diff)
			}
		})
	}
}

// readOld reads a job as a [oldtable.Job].
func readOld(t *testing.T, s *table, batch string, number int64) oldtable.Job {
	t.Helper()
	id := job.ID{Batch: batch, Number: number}
	j, err := s.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b := mustBatch(t, s, batch)
	old := oldtable.Job{
		Batch: batch, BatchName: b.DisplayName, BatchState: string(b.State), Number: number, Key: j.Key, State: string(j.State), Attempt: j.Attempt,
		InputPath: j.InputPath, OutputPath: j.OutputPath, EncodingID: j.EncodingID, CreateTime: j.CreateTime.UnixMilli(), Reason: j.Reason, Events: len(events),
	}
	if j.Failure != nil {
		old.Failure = j.Failure.Text
	}
	return old
}
