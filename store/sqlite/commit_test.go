package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/sqlite"
)

// TestCommitsAreTold takes a job from its submission to a failure, and reads what the observer was told.
func TestCommitsAreTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	writes := 0
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stoker.db"), store.Options{Unsafe: true, OnCommit: func(c store.Commit) {
		mu.Lock()
		defer mu.Unlock()
		writes += c.Writes
		if c.Err != nil || c.Duration <= 0 {
			told = append(told, fmt.Sprintf("%v after %v", c.Err, c.Duration))
		}
		for account, n := range c.Submitted {
			told = append(told, fmt.Sprintf("%d jobs of %s", n, account))
		}
		for _, m := range c.Jobs {
			told = append(told, fmt.Sprintf("%s %s to %s after %v %s", m.AccountID, m.From, m.To, m.Spent, m.Failure))
		}
		for _, b := range c.Batches {
			told = append(told, fmt.Sprintf("batch %d is %s", b.Number, b.State))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	b, _, err := s.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "a"}, Jobs: make([]job.Spec, 1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	id := job.ID{Batch: b.ID, Number: 1}
	failed := job.Observation{EncodingID: "e", Status: job.RemoteError, Failure: &job.Failure{Hint: job.HintRetry}}
	for _, change := range []func(*job.Update) error{
		func(u *job.Update) error { return u.Configured("e", nil, now) },
		func(u *job.Update) error { return u.BeginStart(now) },
		func(u *job.Update) error { return u.StartAccepted(now) },
		func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: "e", Status: job.RemoteRunning, RunningAt: now}, job.Rules{}, now)
		},
		func(u *job.Update) error {
			return u.Observe(failed, job.Rules{Retry: job.RetryPolicy{MaxRetries: 1}}, now)
		},
		func(u *job.Update) error { return u.BeginStart(now) },
		func(u *job.Update) error { return u.StartAccepted(now) },
		func(u *job.Update) error {
			return u.Observe(job.Observation{EncodingID: "e", Status: job.RemoteError, FinishedAt: now}, job.Rules{}, now)
		},
	} {
		now = now.Add(10 * time.Second)
		if _, err := s.UpdateJob(t.Context(), id, now, change); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.CheckWritable(t.Context(), s); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"1 jobs of a",
		"a WAITING to STARTING after 20s ",
		"a STARTING to QUEUED after 10s ",
		"a QUEUED to RUNNING after 10s ",
		"a RUNNING to WAITING after 10s ENCODING",
		"a WAITING to STARTING after -1ns ",
		"a STARTING to QUEUED after 10s ",
		"a QUEUED to FAILED after 10s ENCODING",
		"batch 1 is FAILED",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if writes < 10 {
		t.Errorf("%d writes, want the submission, eight changes and the check", writes)
	}
}
