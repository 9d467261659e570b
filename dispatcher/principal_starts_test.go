package dispatcher

import (
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/job"
)

// limitCI lets a day have five starts for the batches of token:ci.
func limitCI(principal string) int {
	if principal == "token:ci" {
		return 5
	}
	return 0
}

func byCI(b *job.Batch) { b.CreatedBy = "token:ci" }

// A principal that has made all starts of the day makes no more, also after a restart, whatever the priority of
// its batches. The jobs of others go on. It goes on the next day.
func TestPrincipalsHaveStarts(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Second}, func(w *world) {
		w.maxStartsOf = limitCI
		w.run()
		var limited []job.Batch
		for range 4 {
			limited = append(limited, w.submit(3, func(b *job.Batch) { b.CreatedBy, b.Priority = "token:ci", 90 }))
		}
		others := w.submit(20, nil)
		succeeded := func() (n int64) {
			for _, b := range limited {
				read, err := w.store.Batch(w.ctx, b.ID)
				if err != nil {
					t.Fatal(err)
				}
				n += read.Counts.Succeeded
			}
			return n
		}
		if b := w.awaitEnd(others.ID, time.Hour); b.State != job.BatchSucceeded {
			t.Errorf("the batch of somebody else is %s with %+v", b.State, b.Counts)
		}
		time.Sleep(10 * time.Minute)
		if n := succeeded(); n != 5 {
			t.Errorf("%d jobs have succeeded, want 5", n)
		}
		s, _ := w.store.AccountStatus("default")
		tomorrow := job.Day(time.Now()).Add(24 * time.Hour)
		if want := (job.StartLimit{Starts: 5, Until: tomorrow}); s.ExhaustedPrincipals["token:ci"] != want || s.Paused {
			t.Errorf("the status has %v, paused %t, want %v and an account that works", s.ExhaustedPrincipals, s.Paused, want)
		}
		w.halt()
		w.run()
		late := w.submit(2, byCI)
		time.Sleep(20 * time.Minute)
		if n := succeeded(); n != 5 {
			t.Errorf("%d jobs have succeeded after a restart, want 5", n)
		}

		time.Sleep(time.Until(tomorrow.Add(10 * time.Minute)))
		if n := succeeded(); n != 10 {
			t.Errorf("%d jobs have succeeded on the next day, want 10", n)
		}
		w.awaitEnd(late.ID, 48*time.Hour)
		var ids []string
		for _, b := range append(limited, late, others) {
			w.awaitEnd(b.ID, time.Hour)
			ids = append(ids, b.ID)
		}
		w.audit(ids...)
		if s, _ := w.store.AccountStatus("default"); len(s.ExhaustedPrincipals) > 0 {
			t.Errorf("in the end, the status has %v", s.ExhaustedPrincipals)
		}
	})
}

// The limit is that of all accounts together.
func TestPrincipalsHaveStartsOnAllAccounts(t *testing.T) {
	inWorld(t, &simulator.Simulator{Seed: 1, Duration: 10 * time.Second}, func(w *world) {
		w.maxStartsOf, w.others = limitCI, []string{"archive"}
		w.run()
		here := w.submit(10, byCI)
		there := w.submit(10, func(b *job.Batch) { b.CreatedBy, b.AccountID = "token:ci", "archive" })
		time.Sleep(time.Hour)
		if n := w.calls("POST /encoding/encodings/{id}/start"); n != 5 {
			t.Errorf("%d starts on both accounts, want 5", n)
		}
		starts, err := w.store.PrincipalStarts(w.ctx, "token:ci", time.Now())
		if err != nil || starts.Counted() != 5 {
			t.Errorf("%d starts are counted, %v, want 5", starts.Counted(), err)
		}
		w.audit(here.ID, there.ID)
	})
}
