package housekeeping_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stokerd/stoker/internal/housekeeping"
	"github.com/stokerd/stoker/internal/testkit/bubble"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// Batches go within a minute after their time, and what is remembered of them within a day after its own.
func TestRetention(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		var log strings.Builder
		h := housekeeping.New(housekeeping.Config{
			Keeper: store.NewKeeper(table), Retention: store.Retention{Succeeded: 30 * 24 * time.Hour, Results: 60 * 24 * time.Hour},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		spec := job.Spec{Key: "a", InputPath: "a.mp4", OutputPath: "a"}
		b, _, err := table.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}, Jobs: []job.Spec{spec}, RequestID: "r"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, fact := range []func(*job.Update) error{
			func(u *job.Update) error { return u.Configured("e", nil, time.Now()) },
			func(u *job.Update) error { return u.BeginStart(time.Now()) },
			func(u *job.Update) error {
				return u.Observe(job.Observation{EncodingID: "e", Status: job.RemoteFinished}, job.Rules{}, time.Now())
			},
		} {
			if _, err := table.UpdateJob(t.Context(), job.ID{Batch: b.ID, Number: 1}, time.Now(), fact); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- h.Run(ctx) }()

		exists := func() bool {
			t.Helper()
			_, err := table.Batch(t.Context(), b.ID)
			if err != nil && !errors.Is(err, job.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		remembered := func() bool {
			t.Helper()
			n, err := table.CountSucceeded(t.Context(), job.Batch{AccountID: "default", SkipSucceeded: true}, []job.Spec{spec})
			if err != nil {
				t.Fatal(err)
			}
			return n == 1
		}
		for _, step := range []struct {
			pass               time.Duration
			exists, remembered bool
		}{
			{30*24*time.Hour - time.Second, true, true},
			{2 * time.Minute, false, true},
			{29 * 24 * time.Hour, false, true},
			{3 * 24 * time.Hour, false, false},
		} {
			time.Sleep(step.pass)
			synctest.Wait()
			if exists() != step.exists || remembered() != step.remembered {
				t.Errorf("after another %s: exists %t, remembered %t", step.pass, exists(), remembered())
			}
		}
		if got := h.ReadState().Deleted; got != (store.Retained{Batches: 1, Jobs: 1}) {
			t.Errorf("deleted %+v", got)
		}
		if !strings.Contains(log.String(), "batches=1 jobs=1") {
			t.Errorf("the log does not say it: %s", log.String())
		}
		stop(errors.New("the test is over"))
		if err := errors.Join(<-stopped, table.Close()); err != nil {
			t.Error(err)
		}
	})
}

// busyKeeper goes through all that is remembered until it is stopped, as it does for hours with many results and much
// to do besides.
type busyKeeper struct{ store.Keeper }

func (busyKeeper) ForgetResults(ctx context.Context, _ store.Retention, _ time.Time) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Batches go in time, however long it takes to go through what is remembered of others.
func TestRetentionWhileForgetting(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		table := jobtable.Open(t, filepath.Join(t.TempDir(), "stoker.db"))
		h := housekeeping.New(housekeeping.Config{
			Keeper: busyKeeper{store.NewKeeper(table)}, Retention: store.Retention{Succeeded: time.Hour, Results: time.Hour},
		})
		b, _, err := table.Submit(t.Context(), job.Submission{Batch: job.Batch{AccountID: "default"}}, time.Now()) // it ends at once
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- h.Run(ctx) }()
		time.Sleep(time.Hour + 2*time.Minute)
		synctest.Wait()
		if _, err := table.Batch(t.Context(), b.ID); !errors.Is(err, job.ErrNotFound) {
			t.Errorf("the batch is still there: %v", err)
		}
		stop(errors.New("the test is over"))
		if err := errors.Join(<-stopped, table.Close()); err != nil {
			t.Error(err)
		}
	})
}
