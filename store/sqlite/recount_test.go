package sqlite

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

func TestRecount(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		synctest.Wait() // until the check that Open begins is over
		right := mustSubmitTo(t, s, make([]job.Spec, 3)...)
		wrong := mustSubmitTo(t, s, make([]job.Spec, 3)...)
		stuck := mustSubmitTo(t, s, job.Spec{})
		cancel := func(u *job.Update) error { return u.Cancel("enough", testTime) }
		if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: wrong.ID, Limit: 1}, testTime, cancel); err != nil {
			t.Fatal(err)
		}
		wrong = mustBatch(t, s, wrong.ID)
		// A batch that would not be dispatched, and one that would never end.
		if _, err := s.exec(t, `UPDATE batches SET waiting = 0, succeeded = 7 WHERE id = $1`, wrong.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.exec(t, `UPDATE jobs SET state = 'CANCELLED', finish_time = 1 WHERE batch = $1`, stuck.Seq); err != nil {
			t.Fatal(err)
		}
		var told []job.Change
		s.SetOnChange(func(c []job.Change) { told = append(told, c...) })

		if corrected, err := s.Recount(t.Context(), testTime); corrected != 2 || err != nil {
			t.Errorf("corrected %d batches, %v, want 2", corrected, err)
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
		if len(told) != 2 || !told[0].Dispatch || !told[1].Dispatch {
			t.Errorf("told of the changes %+v", told)
		}
		if corrected, err := s.Recount(t.Context(), testTime); corrected != 0 || err != nil {
			t.Errorf("the second time it corrected %d batches, %v", corrected, err)
		}
	})
}

// The counts of blocks are corrected without a watcher being told: nobody sees them.
func TestRecountBlocks(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		synctest.Wait() // until the check that Open begins is over
		want := mustSubmitTo(t, s, make([]job.Spec, 600)...)
		if _, err := s.exec(t, `UPDATE ready_blocks SET ready = 7 WHERE block = 1`); err != nil {
			t.Fatal(err)
		}
		if corrected, err := s.Recount(t.Context(), testTime); corrected != 1 || err != nil {
			t.Errorf("corrected %d batches, %v, want 1", corrected, err)
		}
		if diff := cmp.Diff(want, mustBatch(t, s, want.ID)); diff != "" {
			t.Errorf("the batch (-before +after):\n%s", diff)
		}
		ranks, err := s.JobRanks(t.Context(), want.Seq, testTime, []int64{1, 256, 257, 600})
		if diff := cmp.Diff([]int64{0, 255, 256, 599}, ranks); err != nil || diff != "" {
			t.Errorf("ranks: %v (-want +got):\n%s", err, diff)
		}
	})
}

// So are the counts of causes, also those that no job has.
func TestRecountCauses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := mustOpen(t)
		synctest.Wait() // until the check that Open begins is over
		want := mustSubmitTo(t, s, make([]job.Spec, 3)...)
		fail := func(u *job.Update) error {
			return u.ConfigureRefused("", job.Failure{Text: "no such codec", Permanent: true}, job.Rules{}, testTime)
		}
		if _, err := s.UpdateJobs(t.Context(), job.Filter{BatchID: want.ID, Limit: 2}, testTime, fail); err != nil {
			t.Fatal(err)
		}
		right, err := s.FailureCauses(t.Context(), want.ID, 10)
		if err != nil || len(right) != 1 || right[0].Count != 2 {
			t.Fatalf("causes %+v, %v", right, err)
		}
		for _, damage := range []string{
			`UPDATE failure_causes SET jobs = 7`,
			`INSERT INTO failure_causes (batch, cause, jobs) SELECT seq, 'none', 1 FROM batches`,
			`DELETE FROM failure_causes`,
		} {
			if _, err := s.exec(t, damage); err != nil {
				t.Fatal(err)
			}
			if corrected, err := s.Recount(t.Context(), testTime); corrected != 1 || err != nil {
				t.Errorf("%s: corrected %d batches, %v, want 1", damage, corrected, err)
			}
			got, err := s.FailureCauses(t.Context(), want.ID, 10)
			if diff := cmp.Diff(right, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", damage, err, diff)
			}
		}
	})
}

// A file that has come to contradict itself is put right by whoever opens it.
func TestOpenRecounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stoker.db")
	s := mustOpenAt(t, path)
	want := mustSubmitTo(t, s, job.Spec{})
	if _, err := s.exec(t, `UPDATE batches SET waiting = 5`); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	var log strings.Builder
	corrected := make(chan struct{})
	o := store.Options{Unsafe: true, Logger: slog.New(slog.NewTextHandler(&log, nil)), OnChange: func([]job.Change) { close(corrected) }}
	s, err := openTable(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	<-corrected
	if got := mustBatch(t, s, want.ID).Counts; got != want.Counts {
		t.Errorf("counts %+v, want %+v", got, want.Counts)
	}
	mustClose(t, s)
	if !strings.Contains(log.String(), want.ID) {
		t.Errorf("the log does not name the batch: %s", log.String())
	}
}
