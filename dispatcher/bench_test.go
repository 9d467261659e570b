package dispatcher

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stokerd/stoker/bitmovin"
	"github.com/stokerd/stoker/bitmovin/simulator"
	"github.com/stokerd/stoker/internal/testkit/jobtable"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
)

// BenchmarkDecision measures what the account loop does when everything may have changed: it reads
// settings, jobs in flight, orphans and the next jobs anew, and decides. It does so with 1,000 jobs at the
// platform and 1,000 that wait, in a batch without any others and in one with a million that have
// ended, by turns, so that other load on the machine slows both.
func BenchmarkDecision(b *testing.B) {
	loops := []*accountLoop{benchLoop(b, 0), benchLoop(b, 1_000_000)}
	took := make([]time.Duration, len(loops))
	n := 0
	for b.Loop() {
		for i, l := range loops {
			began := time.Now()
			decideAnew(b, l)
			took[i] += time.Since(began)
		}
		n++
	}
	b.ReportMetric(took[0].Seconds()*1000/float64(n), "ms/empty")
	b.ReportMetric(took[1].Seconds()*1000/float64(n), "ms/million")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "million/empty")
}

func decideAnew(b *testing.B, d *accountLoop) {
	b.Helper()
	now := time.Now()
	d.outdated.note(changes{everything: true, account: true}, d.jobs)
	d.queue.time = now // counted just now
	if err := d.read(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	if p := decide(d.collectView(now)); len(p.prepares) != maxPrepares {
		b.Fatalf("prepares %d jobs, want %d", len(p.prepares), maxPrepares)
	}
}

// benchLoop is an account loop on a job table with one batch: finished jobs that have ended, 960
// that run and 40 that are queued, and 1,000 that wait.
func benchLoop(b *testing.B, finished int) *accountLoop {
	b.Helper()
	table := jobtable.Open(b, filepath.Join(b.TempDir(), "stoker.db"))
	b.Cleanup(func() { _ = table.Close() }) // no read follows
	fillTable(b, table, finished)
	client, err := bitmovin.New(bitmovin.Options{HTTPClient: new(simulator.Simulator).Client()})
	if err != nil {
		b.Fatal(err)
	}
	dispatcher, err := New(Config{Store: table, Accounts: []Account{{ID: "default", Client: client, QueueTarget: 50}}})
	if err != nil {
		b.Fatal(err)
	}
	d := dispatcher.loops["default"]
	if err := d.load(b.Context()); err != nil {
		b.Fatal(err)
	}
	d.reconciliation.done = true
	return d
}

func fillTable(b *testing.B, table *store.Store, finished int) {
	b.Helper()
	const live, running, waiting, chunk = 1000, 960, 1000, 50_000
	now := time.Now()
	recipe := job.DefaultRecipe()
	batch := job.Batch{ID: "batch", AccountID: "default", Priority: 50, Open: true, Recipe: &recipe}
	if _, _, err := table.Submit(b.Context(), job.Submission{Batch: batch}, now); err != nil {
		b.Fatal(err)
	}
	add := func(n int) {
		for ; n > 0; n -= chunk {
			if _, _, _, err := table.AddJobs(b.Context(), "batch", make([]job.Spec, min(n, chunk)), now); err != nil {
				b.Fatal(err)
			}
		}
	}
	update := func(after int64, n int, fact func(*job.Update) error) {
		for ; n > 0; n -= chunk {
			changed, err := table.UpdateJobs(b.Context(), job.Filter{BatchID: "batch", AfterNumber: after, Limit: min(n, chunk)}, now, fact)
			if err != nil {
				b.Fatal(err)
			}
			after += changed
		}
	}
	add(finished)
	update(0, finished, func(u *job.Update) error { return u.Cancel("long ago", now) })
	add(live + waiting)
	first := int64(finished)
	update(first, live, func(u *job.Update) error { return u.Configured("encoding-"+u.Job.ID.String(), nil, now) })
	update(first, live, func(u *job.Update) error { return u.BeginStart(now) })
	update(first, live, func(u *job.Update) error { return u.StartAccepted(now) })
	update(first, running, func(u *job.Update) error {
		seen := job.Observation{EncodingID: u.Job.EncodingID, Status: job.RemoteRunning, QueuedAt: now, RunningAt: now}
		return u.Observe(seen, job.Rules{}, now)
	})
}
