package store

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stokerd/stoker/job"
)

func TestRecount(t *testing.T) {
	s := mustOpen(t)
	s.stop(errors.New("the check that Open begins is over"))
	s.background.Wait()
	right := mustSubmitTo(t, s, make([]job.Spec, 3)...)
	wrong := mustSubmitTo(t, s, make([]job.Spec, 3)...)
	stuck := mustSubmitTo(t, s, job.Spec{})
	cancel := func(u *job.Update) error { return u.Cancel("enough", testTime) }
	if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: wrong.ID, Limit: 1}, testTime, cancel); err != nil {
		t.Fatal(err)
	}
	wrong = mustBatch(t, s, wrong.ID)
	// A batch that would not be dispatched, and one that would never end.
	if _, err := s.writeTest(t, `UPDATE batches SET waiting = 0, succeeded = 7 WHERE id = $1`, wrong.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writeTest(t, `UPDATE jobs SET state = 'CANCELLED', finish_time = 1 WHERE batch = $1`, stuck.Seq); err != nil {
		t.Fatal(err)
	}
	var rung []job.Change
	s.SetOnChange(func(c []job.Change) { rung = append(rung, c...) })

	if mended, err := s.Recount(t.Context(), testTime); mended != 2 || err != nil {
		t.Errorf("mended %d batches, %v, want 2", mended, err)
	}
	if diff := cmp.Diff(right, mustBatch(t, s, right.ID)); diff != "" {
		t.Errorf("the one that was right (-before +after):\n%s", diff)
	}
	wrong.Revision++
	if diff := cmp.Diff(wrong, mustBatch(t, s, wrong.ID)); diff != "" {
		t.Errorf("the one that was wrong (-want +got):\n%s", diff)
	}
	if got := mustBatch(t, s, stuck.ID); got.State != job.BatchCancelled || got.Counts != (job.Counts{Cancelled: 1}) {
		t.Errorf("the one whose only job has ended: %s, %+v", got.State, got.Counts)
	}
	if len(rung) != 2 || !rung[0].Dispatch || !rung[1].Dispatch {
		t.Errorf("the bell rang %+v", rung)
	}
	if mended, err := s.Recount(t.Context(), testTime); mended != 0 || err != nil {
		t.Errorf("the second time it mended %d batches, %v", mended, err)
	}
}

// The counts of blocks are mended without a watcher being told: nobody sees them.
func TestRecountBlocks(t *testing.T) {
	s := mustOpen(t)
	s.stop(errors.New("the check that Open begins is over"))
	s.background.Wait()
	want := mustSubmitTo(t, s, make([]job.Spec, 600)...)
	if _, err := s.writeTest(t, `UPDATE ready_blocks SET ready = 7 WHERE block = 1`); err != nil {
		t.Fatal(err)
	}
	if mended, err := s.Recount(t.Context(), testTime); mended != 1 || err != nil {
		t.Errorf("mended %d batches, %v, want 1", mended, err)
	}
	if diff := cmp.Diff(want, mustBatch(t, s, want.ID)); diff != "" {
		t.Errorf("the batch (-before +after):\n%s", diff)
	}
	ranks, err := s.JobRanks(t.Context(), want.Seq, testTime, []int64{1, 256, 257, 600})
	if diff := cmp.Diff([]int64{0, 255, 256, 599}, ranks); err != nil || diff != "" {
		t.Errorf("ranks: %v (-want +got):\n%s", err, diff)
	}
}

// A file that has come to contradict itself is put right by whoever opens it.
func TestOpenRecounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	want := mustSubmitTo(t, s, job.Spec{})
	if _, err := s.writeTest(t, `UPDATE batches SET waiting = 5`); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	var log strings.Builder
	mended := make(chan struct{})
	o := Options{Unsafe: true, Logger: slog.New(slog.NewTextHandler(&log, nil)), OnChange: func([]job.Change) { close(mended) }}
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	<-mended
	if got := mustBatch(t, s, want.ID).Counts; got != want.Counts {
		t.Errorf("counts %+v, want %+v", got, want.Counts)
	}
	mustClose(t, s)
	if !strings.Contains(log.String(), want.ID) {
		t.Errorf("the log does not name the batch: %s", log.String())
	}
}

func mustBatch(t *testing.T, s *Store, id string) job.Batch {
	t.Helper()
	b, err := s.Batch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
