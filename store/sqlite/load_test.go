package sqlite

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// What a unit declares is read as the methods that read show it, batches in the order of their
// seq, whether one is declared or many.
func TestLoad(t *testing.T) {
	s := mustOpen(t)
	for _, id := range []string{"z", "a", "m"} {
		sub := job.Submission{Batch: job.Batch{ID: id, AccountID: "default"}, Jobs: make([]job.Spec, 3)}
		if _, _, err := s.Submit(t.Context(), sub, testTime); err != nil {
			t.Fatal(err)
		}
	}
	load := func(want store.Want) (got store.Loaded) {
		t.Helper()
		err := s.inTransaction(t.Context(), func(tx *transaction) (err error) {
			got, err = tx.Load(t.Context(), want)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	id := func(batch string, number int64) job.ID { return job.ID{Batch: batch, Number: number} }
	got := load(store.Want{
		Batches:    []string{"a", "missing", "z"},
		Jobs:       []job.ID{id("a", 1), id("missing", 1), id("z", 2), id("z", 3), id("z", 4)},
		Selections: []job.Filter{{BatchID: "a", Limit: 2}, {BatchID: "missing"}},
	})
	var batches []string
	for _, b := range got.Headers {
		batches = append(batches, b.ID)
		if full := mustBatch(t, s, b.ID); b.Seq != full.Seq || b.Counts != full.Counts || b.State != full.State || b.Revision != full.Revision {
			t.Errorf("header %+v of %+v", b, full)
		}
	}
	if diff := cmp.Diff([]string{"z", "a"}, batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	var want []job.Job
	for _, id := range []job.ID{id("z", 2), id("z", 3), id("a", 1)} {
		j, err := s.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, j)
	}
	if diff := cmp.Diff(want, got.Jobs); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if len(got.SelectedJobs) != 2 || len(got.SelectedJobs[0]) != 2 || len(got.SelectedJobs[1]) != 0 {
		t.Errorf("selected %v", got.SelectedJobs)
	}
	one := load(store.Want{Batches: []string{"z"}, Jobs: []job.ID{id("z", 2)}})
	if diff := cmp.Diff(got.Headers[:1], one.Headers); diff != "" {
		t.Errorf("the batch by itself (-among others +alone):\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], one.Jobs); diff != "" {
		t.Errorf("the job by itself (-among others +alone):\n%s", diff)
	}
}
